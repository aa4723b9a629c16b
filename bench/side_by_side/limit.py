"""A model and the rows of a step in, the least work of that step and the fastest matrix product of this machine out."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from loralab.engine.base import TokenRow
from loralab.engine.fast.frozen import can_pack, freeze
from loralab.engine.fast.malloc import tune_malloc
from side_by_side.job import RANK, adapted_linears, without_weights

TOKENS = 1024  # rows of a measured product
HEAD_TOKENS = 128  # the vocabulary is wide: its product is as large with fewer
PASSES, SECONDS = 5, 0.1  # over all products of a size, and what each is repeated for in a pass


@dataclass(frozen=True)
class Shape:
    """Sizes (in, out) of all adapted layers and of the head; `query_width` is summed over the layers."""

    linears: tuple[tuple[int, int], ...]
    head: tuple[int, int]
    query_width: int


def read_shape(folder: Path) -> Shape:
    """From a model folder, without its weights."""
    model = without_weights(folder)
    layers = list(adapted_linears(model))
    vocabulary, hidden = model.get_output_embeddings().weight.shape
    return Shape(
        tuple((m.in_features, m.out_features) for _, m in layers),
        (hidden, vocabulary),
        sum(m.out_features for name, m in layers if name.endswith("q_proj")),
    )


def least_flops(shape: Shape, rows: Sequence[TokenRow], dropout: float) -> float:
    """Floating-point operations that an optimizer step needs at least, without its small change.

    Frozen layers: forward and the input's gradient. Adapter: forward and both gradients. Head: on label tokens,
    forward and the input's gradient. Causal attention: its forward three times. Nothing is computed twice, and
    without dropout a beginning that all rows share is computed once.
    """
    body = sum(a * b for a, b in shape.linears)
    lora = sum(RANK * (a + b) for a, b in shape.linears)
    lengths = [len(row.encoded.ids) for row in rows]
    shared = 0 if dropout else shared_tokens(rows)
    saved = shared * (len(rows) - 1)
    tokens = sum(lengths) - saved
    pairs = sum(n * n for n in lengths) - shared * saved
    labels = sum(sum(row.encoded.trained[1:]) for row in rows)
    return (
        tokens * (4 * body + 6 * lora)
        + 4 * labels * shape.head[0] * shape.head[1]
        + 6 * shape.query_width * pairs
    )


def shared_tokens(rows: Sequence[TokenRow]) -> int:
    """How many first tokens all rows have in common, of those that predict no label."""
    first_label = min(row.encoded.trained.index(True, 1) for row in rows)
    columns = zip(*(row.encoded.ids for row in rows), strict=False)
    differing = (place for place, ids in enumerate(columns) if len(set(ids)) > 1)
    shortest = min(len(row.encoded.ids) for row in rows)
    return min(next(differing, shortest), first_label - 1)


# ---------------------------------------------------------------------------------------------- products


def measure_products(shape: Shape) -> dict[str, Any]:
    """The fastest float32 product on the model's shapes, and all of them: 10^9 operations a CPU second.

    Each is the median of several passes, in which the products of a size take turns: what others do on the machine
    for a moment makes none of them the fastest.
    """
    tune_malloc("cpu")  # as in the fast engine: new pages for every result would count as work
    found: dict[str, float] = {}
    for width_in, width_out in sorted({*shape.linears, shape.head}):
        tokens = HEAD_TOKENS if (width_in, width_out) == shape.head else TOKENS
        work = 2e-9 * tokens * width_in * width_out
        ways = _ways(width_in, width_out, tokens)
        passes = [[seconds_each(product) for product in ways.values()] for _ in range(PASSES)]
        for way, seconds in zip(ways, zip(*passes, strict=True), strict=True):
            found[f"{width_in}x{width_out} {way}"] = round(work / median(seconds), 2)
    return {"gflops": max(found.values()), "products": found}


def _ways(width_in: int, width_out: int, tokens: int) -> dict[str, Callable[[], Any]]:
    """A frozen layer's forward and its input's gradient, by torch's own product and by oneDNN's."""
    import torch

    weight, x, dy = (
        torch.randn(width_out, width_in),
        torch.randn(tokens, width_in),
        torch.randn(tokens, width_out),
    )
    ways: dict[str, Callable[[], Any]] = {
        "forward": lambda: torch.mm(x, weight.t()), "back": lambda: torch.mm(dy, weight)
    }  # fmt: skip
    if can_pack("cpu", torch.float32):
        packed, in_place = freeze(weight, None, "both"), freeze(weight, None, "in_place")
        ways |= {
            "forward in place": lambda: in_place.forward(x),
            "forward packed": lambda: packed.forward(x),
            "back packed": lambda: packed.input_gradient(dy),
        }
    return ways


def seconds_each(work: Callable[[], Any]) -> float:
    """CPU seconds of one call, repeated for a while after a first one."""
    work()
    calls, began = 0, time.process_time()
    while (used := time.process_time() - began) < SECONDS or not calls:
        work()
        calls += 1
    return used / calls
