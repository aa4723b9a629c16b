"""`model.device_map` as it is written: none, auto, or a device for each module."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from loralab.config import Config

DATA = "data: {train: rows.jsonl}\n"


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("", None), ("~", None), ("none", None), ("auto", "auto"),
        ("{'': cpu}", {"": "cpu"}), ("{'': 0}", {"": "cuda:0"}),
        ("{model.embed_tokens: 0, model.layers.10: '1', lm_head: cuda:12}",
         {"model.embed_tokens": "cuda:0", "model.layers.10": "cuda:1", "lm_head": "cuda:12"}),
        ("{model: disk}", {"model": "disk"}),
    ],
)  # fmt: skip
def test_a_bare_number_is_that_of_a_gpu(load: Callable[..., Config], written: str, value: Any) -> None:
    config = load(f"{DATA}model:\n  name: a/b\n  device_map: {written}\n")
    assert config.model.device_map == value
    override = 'model.device_map={"": 3}'
    assert load(f"{DATA}model: {{name: a/b}}", override).model.device_map == {"": "cuda:3"}


@pytest.mark.parametrize(
    "written", ["balanced", "0", "[0, 1]", "{}", "{model: gpu}", "{model: -1}", "{model: 01}", "{m/x: 0}"]
)
def test_what_is_no_placement(mistakes: Callable[..., list[str]], written: str) -> None:
    (found,) = mistakes(f"{DATA}model:\n  name: a/b\n  device_map: {written}\n")
    assert found.startswith(
        "law.yaml:4: model.device_map must be none, auto or a mapping such as {model.embed_tokens: 0,"
    )


def test_a_module_has_one_place(mistakes: Callable[..., list[str]]) -> None:
    assert mistakes(f"{DATA}model: {{name: a/b, device_map: {{model: 0, model: 1}}}}") == [
        "law.yaml:2: model.device_map names model twice"
    ]


def test_two_ways_to_spread_a_base_are_one_too_many(mistakes: Callable[..., list[str]]) -> None:
    (found,) = mistakes(f"{DATA}model: {{name: a/b, shard: fsdp, device_map: auto}}")
    assert "they are two ways to spread one base" in found
