"""The memory plan counts what the engines keep: its formulas against the tensors that are there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import pytest

from doubles.families import make_base
from loralab.config import make_config
from loralab.encode.encode import Encoded
from loralab.engine.base import TokenRow
from loralab.engine.fast import engine as fast
from loralab.engine.plain import PlainEngine
from loralab.model.activations import Kind, MicroBatch, kept_per_token
from loralab.model.adapter import add_adapter
from loralab.model.load import TunedModel, quiet
from loralab.model.shape import ModelShape, shape_of

RANK, TOKENS = 4, 40


def make(family: str, dropout: float, **other: Any) -> tuple[TunedModel, Any, ModelShape]:
    config = make_config(
        ["model.name=m", "data.train=d", f"lora.rank={RANK}", f"lora.dropout={dropout}", "train.batch_rows=2"]
    )
    base = make_base(family, **other)
    shape = shape_of(base.config.to_dict())
    assert isinstance(shape, ModelShape)
    with quiet():
        return TunedModel(add_adapter(base, config.lora, 0), "cpu", "float32", 0, 0), config, shape


def rows(lengths: Iterable[int]) -> list[TokenRow]:
    return [
        TokenRow(str(n), Encoded(tuple(range(1, n + 1)), tuple(i >= n // 2 for i in range(n))))
        for n in lengths
    ]


def tensors(value: Any) -> Iterator[Any]:
    """Every tensor inside of dataclasses, dicts and tuples."""
    import torch

    if isinstance(value, torch.Tensor):
        yield value
    elif is_dataclass(value):
        for item in fields(value):
            yield from tensors(getattr(value, item.name))
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from tensors(item)
    elif isinstance(value, dict):
        yield from tensors(list(value.values()))


def stored_bytes(found: Iterable[Any], apart_from: Iterable[Any] = ()) -> int:
    """Bytes of the storages, each once."""
    known = {t.untyped_storage().data_ptr() for t in apart_from}
    sizes = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in found}
    return sum(size for place, size in sizes.items() if place not in known)


@pytest.mark.parametrize("family", ["llama", "smollm2", "qwen2", "qwen3"])
def test_the_fast_engine_keeps_what_is_counted(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tuned, config, shape = make(family, 0.1)
    kept: list[Any] = []

    def forward(layer: Any, x: Any, line: Any, chosen: Any) -> Any:
        y, saved = original(layer, x, line, chosen)
        kept.append(saved)
        return y, saved

    original = fast._forward
    monkeypatch.setattr(fast, "_forward", forward)
    engine = fast.FastEngine(tuned, config)
    engine.loss_and_gradients(rows([TOKENS]), 1)
    first = stored_bytes(tensors(kept[0]))  # the last layer goes on with label positions alone
    kind = Kind("fast", 4, RANK, config.lora.targets, True, False)
    used = TOKENS - 1
    assert first == pytest.approx(used * kept_per_token(shape, kind, MicroBatch(1, used, used)), rel=0.03)


@pytest.mark.parametrize("family", ["llama", "smollm2", "qwen2", "qwen3"])
@pytest.mark.parametrize("dropout", [0.0, 0.1])
@pytest.mark.parametrize("lengths", [(TOKENS, TOKENS), (TOKENS, TOKENS - 1)])
def test_autograd_saves_what_is_counted(family: str, dropout: float, lengths: tuple[int, int]) -> None:
    import torch

    saved = []
    for layers in (2, 3):  # the difference is one layer, without head and first layer
        tuned, config, shape = make(family, dropout, num_hidden_layers=layers)
        engine = PlainEngine(tuned, config, 0)
        found: list[Any] = []
        with (
            torch.autograd.graph.saved_tensors_hooks(lambda t, keep=found: keep.append(t) or t, lambda t: t),
            engine._training(1),
        ):
            engine.context.rows = rows(lengths)
            engine._losses(rows(lengths))
        saved.append(stored_bytes(found, tuned.model.parameters()))
    kind = Kind("plain", 4, RANK, config.lora.targets, bool(dropout), False)
    # without padding there is no mask; a single row says so
    batch = MicroBatch(2, 2 * TOKENS, TOKENS) if lengths[0] != lengths[1] else MicroBatch(1, TOKENS, TOKENS)
    each = kept_per_token(shape, kind, batch)
    assert saved[1] - saved[0] == pytest.approx(2 * TOKENS * each, rel=0.03)
