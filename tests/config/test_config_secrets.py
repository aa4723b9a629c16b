"""What looks like a secret is refused, and never said again."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from loralab.config import Config, make_config
from loralab.errors import UsageError

BASE = "model: {name: owner/name}\ndata: {train: rows.jsonl}\n"


@pytest.mark.parametrize(
    "key",
    [
        "api_key",
        "token",
        "password",
        "SWANLAB_API_KEY",
        "hf-token",
        "apiKey",
        "api key",
        "client.secret",
        "key",
    ],
)
@pytest.mark.parametrize("where", ["top", "section", "override", "bare"])
def test_a_secret_is_refused_and_not_repeated(load: Callable[..., Config], key: str, where: str) -> None:
    texts = {
        "top": (BASE + f"{key}: s3cr3t", ()), "section": (BASE + f"track: {{{key}: s3cr3t}}", ()),
        "override": (BASE, (f"track.{key}=s3cr3t",)), "bare": (BASE, (f"{key}=s3cr3t",)),
    }  # fmt: skip
    text, overrides = texts[where]
    with pytest.raises(UsageError) as caught:
        load(text, *overrides)
    assert "s3cr3t" not in str(caught.value) + caught.value.text("zh")
    assert "looks like a secret" in str(caught.value)


@pytest.mark.parametrize(
    "value", ["*s3cr3t", "&s3cr3t", "!s3cr3t x", "!s3cr3t!x y", "{s3cr3t: 1}", "[s3cr3t]"]
)
def test_a_secret_that_is_yaml_is_not_repeated(load: Callable[..., Config], value: str) -> None:
    with pytest.raises(UsageError) as caught:
        load(BASE + f"track:\n  password: {value}\n")
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize(
    "word",
    ["track.api_key:s3cr3t", "track.api_key: s3cr3t=1", "api_key:s3cr3t", "hf_token:s3cr3t", "track.api_key=a:s3cr3t"],
)  # fmt: skip
def test_a_secret_behind_a_colon_is_refused_and_not_repeated(word: str) -> None:
    with pytest.raises(UsageError, match="looks like a secret") as caught:
        make_config(["model.name=a/b", "data.train=x.jsonl", word])
    assert "s3cr3t" not in str(caught.value) + caught.value.text("zh")


@pytest.mark.parametrize("word", ["track.swan:s3cr3t", "swan:s3cr3t=2", "track.swan:s3cr3t=2", "swan=s3cr3t"])
def test_what_stands_behind_a_bare_word_is_not_repeated(word: str) -> None:
    with pytest.raises(UsageError, match=r"swan: an override is written section\.key=value") as caught:
        make_config(["model.name=a/b", "data.train=x.jsonl", word])
    assert "s3cr3t" not in str(caught.value)


def test_a_secret_in_a_flow_mapping_without_a_space_is_not_repeated(load: Callable[..., Config]) -> None:
    with pytest.raises(UsageError, match="api_key looks like a secret") as caught:
        load(BASE + "track: {api_key:s3cr3t}")
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize(
    "key", ["train: {path: a, api_key:s3cr3t}", "fields: {api_key:s3cr3t}", "train: [{api_key=s3cr3t}]"]
)
def test_a_secret_within_a_value_is_not_repeated(load: Callable[..., Config], key: str) -> None:
    with pytest.raises(UsageError, match="must be one of") as caught:
        load(f"model: {{name: a/b}}\ndata:\n  {key}\n")
    assert "s3cr3t" not in str(caught.value) + caught.value.text("zh")


def test_max_tokens_is_no_secret(load: Callable[..., Config]) -> None:
    assert load(BASE, "evaluate.max_new_tokens=3").evaluate.max_new_tokens == 3
