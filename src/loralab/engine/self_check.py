"""A fast engine and a few rows of the run in, whether it gives the plain engine's loss and gradients out.

Nothing of the run is changed: the adapter, its gradients, the dropout modules of the model and all random
generators are afterwards what they were.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from loralab.config.schema import Config
from loralab.encode.encode import Encoded
from loralab.engine.base import Engine, Tick, TokenRow
from loralab.engine.plain import PlainEngine
from loralab.model.adapter import trainable
from loralab.model.load import TunedModel

MAX_ROWS, MAX_TOKENS = 4, 600
STEP = 1  # whose dropout masks both engines use
B_SIZE = 0.02  # of the numbers in B: with B at 0, as it starts, A would have no gradient to compare
NEGLIGIBLE = 1e-6  # of the whole gradient's norm: a smaller tensor is rounding, and is not compared


@dataclass(frozen=True)
class Tolerance:
    """How far the engines may be apart: the loss by a share of it and a number more, each gradient by cosine and L2 norm.

    The number more is there for losses near 0, of which rounding is more than the share.
    """

    loss: float
    loss_more: float
    cosine: float
    difference: float


# bfloat16 rounds to 3 digits at every product, in another order in each engine.
TOLERANCES = {"float32": Tolerance(1e-5, 3e-6, 0.9999, 1e-3), "bfloat16": Tolerance(1e-2, 0.0, 0.99, 0.2)}


@dataclass(frozen=True)
class SelfCheck:
    """What was found. The worst tensor is that of the lowest cosine, the worst difference that of any tensor."""

    agrees: bool
    rows: int
    tokens: int
    loss_plain: float
    loss_fast: float
    worst_tensor: str
    worst_cosine: float
    worst_difference: float
    seconds: float
    tolerance: Tolerance

    def to_dict(self) -> dict[str, Any]:
        """For the manifest."""
        return asdict(self)


def check_fast(
    fast: Engine, tuned: TunedModel, config: Config, step_rows: Sequence[TokenRow], pad_id: int, tick: Tick
) -> SelfCheck:
    """Compare both engines on some of the first step's rows, dropout as configured."""
    began = time.monotonic()
    rows = choose_rows(step_rows)
    with _filled_b(tuned.model):
        with _plain(tuned, _sparing(config), pad_id, tick) as plain:
            loss_plain, expected = _loss_and_gradients(plain, tuned.model, rows)
        loss_fast, found = _loss_and_gradients(fast, tuned.model, rows)
    tensor, cosine, difference = _compare(expected, found)
    tolerance = TOLERANCES[tuned.dtype]
    agrees = (
        abs(loss_fast - loss_plain) <= tolerance.loss * abs(loss_plain) + tolerance.loss_more
        and cosine >= tolerance.cosine
        and difference <= tolerance.difference
    )  # a NaN on either side is no agreement
    return SelfCheck(
        agrees, len(rows), sum(len(row.encoded.ids) for row in rows), loss_plain, loss_fast, tensor, cosine,
        difference, round(time.monotonic() - began, 3), tolerance,
    )  # fmt: skip


def choose_rows(step_rows: Sequence[TokenRow]) -> list[TokenRow]:
    """At most 4 rows and 600 tokens, and of a larger step at most a quarter; a first row that is longer is cut."""
    chosen: list[TokenRow] = []
    left = MAX_TOKENS
    for row in step_rows:
        if len(chosen) < min(MAX_ROWS, max(2, len(step_rows) // 4)) and len(row.encoded.ids) <= left:
            chosen.append(row)
            left -= len(row.encoded.ids)
    return chosen or [_end(step_rows[0])]


def _end(row: TokenRow) -> TokenRow:
    """The last tokens of a row up to its last label."""
    stop = max(i for i, trained in enumerate(row.encoded.trained) if trained) + 1
    part = slice(max(0, stop - MAX_TOKENS), stop)
    return TokenRow(row.id, Encoded(row.encoded.ids[part], row.encoded.trained[part]))


def _sparing(config: Config) -> Config:
    """The plain engine's numbers in little memory: it would else need more for a few rows than the run does."""
    return replace(config, train=replace(config.train, batch_rows=1, recompute="on"))


@contextlib.contextmanager
def _filled_b(model: Any) -> Iterator[None]:
    """Seeded numbers in every B, by a generator of their own; the tensors that were there come back."""
    import torch

    generator = torch.Generator().manual_seed(0)
    kept = {n: p.data for n, p in trainable(model).items() if "lora_B" in n}
    parameters = trainable(model)
    try:
        for name, data in kept.items():
            numbers = B_SIZE * torch.randn(data.shape, generator=generator)
            parameters[name].data = numbers.to(data.device, data.dtype)
        yield
    finally:
        for name, data in kept.items():
            parameters[name].data = data
        _clear_gradients(model)


@contextlib.contextmanager
def _plain(tuned: TunedModel, config: Config, pad_id: int, tick: Tick) -> Iterator[PlainEngine]:
    """A plain engine; what it installs in the model is taken out again."""
    from peft.tuners.lora import LoraLayer

    layers = [m for m in tuned.model.modules() if isinstance(m, LoraLayer)]
    kept = [dict(layer.lora_dropout.items()) for layer in layers]
    engine = PlainEngine(tuned, config, pad_id, tick)
    try:
        yield engine
    finally:
        for layer, modules in zip(layers, kept, strict=True):
            for name, module in modules.items():
                layer.lora_dropout[name] = module
        if engine.recompute:
            tuned.model.activation_checkpointing_disable()


def _loss_and_gradients(engine: Engine, model: Any, rows: Sequence[TokenRow]) -> tuple[float, dict[str, Any]]:
    """The loss, and the gradient of every tensor of the adapter, flat; 0 for a tensor that got none."""
    import torch

    _clear_gradients(model)
    loss = engine.loss_and_gradients(rows, STEP).loss
    gradients = {
        n: (torch.zeros_like(p) if p.grad is None else p.grad).flatten() for n, p in trainable(model).items()
    }
    _clear_gradients(model)
    return loss, gradients


def _clear_gradients(model: Any) -> None:
    for parameter in trainable(model).values():
        parameter.grad = None


def _compare(expected: dict[str, Any], found: dict[str, Any]) -> tuple[str, float, float]:
    """The tensor of the lowest cosine, that cosine, and the largest relative difference of any tensor."""
    norms = {n: (float(expected[n].norm()), float(found[n].norm())) for n in expected}
    floor = NEGLIGIBLE * math.hypot(*(norm for norm, _ in norms.values()))
    if not math.isfinite(floor):  # beside numbers like these nothing is small
        floor = -1.0
    compared = [_distance(n, expected[n], found[n]) for n, pair in norms.items() if not max(pair) <= floor]
    if not compared:
        return "", 1.0, 0.0
    tensor, cosine, _ = min(compared, key=lambda c: c[1] if math.isfinite(c[1]) else -math.inf)
    differences = [difference for _, _, difference in compared]
    return tensor, cosine, max(differences) if all(map(math.isfinite, differences)) else math.inf


def _distance(name: str, expected: Any, found: Any) -> tuple[str, float, float]:
    """Cosine and relative L2 norm of the difference, in float64."""
    a, b = expected.double(), found.double()
    norm, other = float(a.norm()), float(b.norm())
    if not (norm and other):
        return name, 0.0, math.inf
    return name, float(a @ b) / (norm * other), float((b - a).norm()) / norm
