"""Models of every family with an adapter, and rows of every kind."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from doubles.families import make_base
from doubles.tuned import fill_b
from loralab.config import Config
from loralab.encode.encode import Encoded
from loralab.engine.base import TokenRow
from loralab.model.adapter import add_adapter
from loralab.model.load import TunedModel, quiet


@pytest.fixture
def tuned_family(engine_config: Callable[..., Config]) -> Callable[..., tuple[TunedModel, Config]]:
    """tuned_family("qwen3", "lora.dropout=0", dtype="float32"): a model with an adapter whose B is not zero."""

    def make(family: str, *overrides: str, dtype: str = "float32") -> tuple[TunedModel, Config]:
        config = engine_config(*overrides)
        with quiet():
            model = add_adapter(make_base(family, dtype), config.lora, config.train.seed)
        fill_b(model)
        return TunedModel(model, "cpu", dtype, 0, 0), config

    return make


@pytest.fixture(scope="session")
def mixed_rows(token_rows: list[TokenRow]) -> list[TokenRow]:
    """Rows with one answer, then rows with several: gaps, a trained first token, untrained ends, one label."""
    generator = np.random.default_rng(8)
    rows = []
    for index in range(8):
        ids = tuple(int(i) for i in generator.integers(0, 300, 12 + 3 * index))
        trained = [bool(t) for t in generator.integers(0, 2, len(ids))]
        trained[0], trained[5], trained[-3:] = index % 2 == 0, True, [False] * 3
        rows.append(TokenRow(f"turns-{index}", Encoded(ids, tuple(trained))))
    one = (False, True, False)
    return [*token_rows[:8], *rows, TokenRow("short", Encoded((7, 8, 9), one))]
