"""Who answers on a server is known by name before anything is asked."""

from __future__ import annotations

from typing import Any

import pytest

from doubles.completions import QUICK, CompletionsDouble
from loralab.engine.server_address import read_address
from loralab.engine.server_models import Served, find_served
from loralab.errors import ResourceError, UsageError


def card(name: str, owner: str = "vllm", parent: str | None = None, **more: Any) -> dict[str, Any]:
    return {"id": name, "object": "model", "owned_by": owner, "parent": parent, **more}


VLLM = (card("base", max_model_len=4096), card("law", parent="base"))
SGLANG = (card("base", "sglang", max_model_len=2048), card("law", "sglang", "base", max_model_len=None))


def find(models: tuple[dict[str, Any], ...], name: str | None = None, **options: Any) -> Served:
    with CompletionsDouble(models=models, **options) as double:
        return find_served(read_address(double.url, {}), name, QUICK)


def test_the_only_whole_model_needs_no_name() -> None:
    served = find(VLLM)
    assert (served.model, served.is_adapter, served.max_tokens) == ("base", False, 4096)
    assert served.backend == "server vllm 0.33.0"


@pytest.mark.parametrize(("models", "name", "sent"), [
    (VLLM, "law", "law"), (SGLANG, "law", "base:law"), (SGLANG, "base:law", "base:law"), (SGLANG, "base", "base"),
])  # fmt: skip
def test_an_adapter_is_named_as_its_server_wants_it(
    models: tuple[dict[str, Any], ...], name: str, sent: str
) -> None:
    served = find(models, name)
    assert served.model == sent and served.is_adapter == ("law" in name)
    assert served.max_tokens == models[0]["max_model_len"], "that of its base"


def test_a_base_and_its_adapter_have_one_backend_and_another_version_has_another() -> None:
    backends = {find(VLLM, name).backend for name in ("base", "law")}
    assert len(backends) == 1
    others = {find(SGLANG, "base").backend, find(VLLM, "base", version="0.34.0").backend}
    assert len(backends | others | {find(VLLM, "base", version=None).backend}) == 4


@pytest.mark.parametrize(
    ("models", "name", "words"),
    [
        (VLLM, "lex", "0 models of the name 'lex'"), (VLLM, "lex", "one of: base, law"), (SGLANG, "x", "base:law"),
        ((card("a"), card("b")), None, "2 whole models"), ((), None, "0 whole models"),
        ((card("a"), card("a")), "a", "2 models of the name"), (({"object": "model"},), None, "OpenAI-compatible"),
        ((card("a\x1b[31m"), card("b")), None, "one of: a, b"),
    ],
)  # fmt: skip
def test_a_name_that_is_not_there_or_not_clear_is_refused_with_those_that_are(
    models: tuple[dict[str, Any], ...], name: str | None, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        find(models, name)


def test_nobody_there_is_a_resource_error() -> None:
    with CompletionsDouble() as double:
        address = read_address(double.url, {})
    with pytest.raises(ResourceError, match="in 3 tries"):
        find_served(address, None, QUICK)


def test_a_server_below_a_path_is_asked_there() -> None:
    with CompletionsDouble() as double:
        find_served(read_address(f"{double.url}/team/v1", {}), None, QUICK)
    assert [path for path, _, _ in double.requests] == ["/team/v1/models", "/team/version"]
