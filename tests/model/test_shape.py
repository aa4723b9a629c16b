"""Sizes read from config.json are those of the model that transformers makes of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from doubles.families import FAMILIES, make_base
from loralab.config.schema import LoraConfig
from loralab.model.activations import Kind
from loralab.model.adapter import add_adapter, trainable
from loralab.model.load import quiet
from loralab.model.memory_plan import adapter_numbers
from loralab.model.shape import ModelShape, read_shape, shape_of
from loralab.words import Words


@pytest.mark.parametrize("family", FAMILIES)
def test_parameters_and_adapter_are_counted(family: str) -> None:
    base = make_base(family)
    shape = shape_of(base.config.to_dict())
    assert isinstance(shape, ModelShape)
    assert shape.parameters == sum(p.numel() for p in base.parameters())
    lora = LoraConfig(rank=3, targets=("q_proj", "k_proj", "down_proj", "gate_proj"))
    with quiet():
        model = add_adapter(base, lora, 0)
    kind = Kind("plain", 4, lora.rank, lora.targets, False, False)
    assert adapter_numbers(shape, kind) == sum(p.numel() for p in trainable(model).values())


def test_a_folder_without_weights_is_enough(tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes((tiny_model / "config.json").read_bytes())
    assert read_shape(tmp_path) == read_shape(tiny_model)
    assert isinstance(read_shape(tmp_path), ModelShape)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"model_type": "mixtral"}, "mixtral"),
        ({}, "None"),
        ({"model_type": "llama", "hidden_size": 8}, "num_hidden_layers"),
        ({"model_type": "llama", "num_hidden_layers": -1, "hidden_size": "8"}, "hidden_size"),
    ],
)
def test_what_is_not_known_is_not_guessed(settings: dict[str, object], said: str) -> None:
    reason = shape_of(settings)
    assert isinstance(reason, Words) and said in str(reason)


def test_a_broken_config_is_a_reason(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps([1]), "utf-8")
    assert isinstance(read_shape(tmp_path), Words)
