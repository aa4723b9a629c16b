"""A tuned tiny model and rows of different lengths, for the tests of engines and generation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from doubles.tuned import PAD, fill_b
from loralab.config import Config, make_config
from loralab.encode.encode import Encoded
from loralab.engine.base import TokenRow
from loralab.engine.plain import PlainEngine
from loralab.model.load import TunedModel, load_tuned


@pytest.fixture(scope="session")
def engine_config(tiny_model: Path) -> Callable[..., Config]:
    def make(*overrides: str) -> Config:
        base = {
            "model.name": tiny_model,
            "data.train": tiny_model / "config.json",
            "lora.rank": 4,
            "lora.alpha": 8,
        }
        given = {o.partition("=")[0] for o in overrides}
        return make_config([*(f"{k}={v}" for k, v in base.items() if k not in given), *overrides])

    return make


@pytest.fixture
def tuned_with(
    tiny_model: Path, engine_config: Callable[..., Config]
) -> Callable[..., tuple[TunedModel, Config]]:
    """tuned_with("lora.dropout=0", ...): the tiny model with an adapter whose B is not zero."""

    def make(*overrides: str) -> tuple[TunedModel, Config]:
        config = engine_config(*overrides)
        tuned = load_tuned(tiny_model, config, "cpu")
        fill_b(tuned.model)
        return tuned, config

    return make


@pytest.fixture
def engine_with(tuned_with: Callable[..., tuple[TunedModel, Config]]) -> Callable[..., PlainEngine]:
    def make(*overrides: str) -> PlainEngine:
        return PlainEngine(*tuned_with(*overrides), PAD)

    return make


@pytest.fixture(scope="session")
def token_rows() -> list[TokenRow]:
    """16 rows of 6 to 40 tokens, of which the last few are trained on."""
    generator = np.random.default_rng(3)
    rows = []
    for index in range(16):
        length = int(generator.integers(6, 41))
        ids = tuple(int(i) for i in generator.integers(0, 256, length))
        labels = int(generator.integers(1, length - 2))
        rows.append(TokenRow(f"row-{index}", Encoded(ids, (False,) * (length - labels) + (True,) * labels)))
    return rows
