"""A model's sizes and a micro-batch in, the bytes that a training step holds of it out.

The counts are those of the tensors that each engine keeps for its backward pass, read off its code and checked
against what autograd saves (tests). B is the bytes of a number of the base; the adapter computes in float32.
"""

from __future__ import annotations

from dataclasses import dataclass

from loralab.model.shape import ModelShape

WIDE = 4  # bytes of a float32 number
MASK = 12  # bytes for each element while a dropout mask is made and applied: bits, mask, two float32 products


@dataclass(frozen=True)
class MicroBatch:
    """Tokens that go through the model together, padding included; `labels` of them have a loss."""

    rows: int
    tokens: int
    labels: int


@dataclass(frozen=True)
class Kind:
    """What decides how many bytes a token takes; `head_rows` are labels that the fast engine takes at a time."""

    engine: str
    base_bytes: int
    rank: int
    targets: tuple[str, ...]
    dropout: bool
    recompute: bool
    head_rows: int = 128


def kept_per_token(shape: ModelShape, kind: Kind, batch: MicroBatch) -> int:
    """Bytes of one token in one layer from its forward to its backward."""
    if kind.engine == "fast":
        return _fast(shape, kind)
    return _plain(shape, kind, batch.tokens // batch.rows if batch.rows > 1 else 0)


def _fast(shape: ModelShape, kind: Kind) -> int:
    """Attended and Fed: both inputs, turned queries and keys, values, what attention gave, gate and up, LoRA's lows."""
    w, q, k, m = shape.width, shape.query_width, shape.key_width, shape.mlp_width
    normed = (q + k, shape.heads + shape.kv_heads) if shape.head_norms else (0, 0)
    base = kind.base_bytes * (2 * w + 2 * q + 2 * k + 2 * m + normed[0])
    return base + WIDE * (2 + shape.heads + normed[1] + _lows(kind))


def _plain(shape: ModelShape, kind: Kind, mask_width: int) -> int:
    """What autograd saves of Hugging Face's layer with PEFT's LoRA: norms in float32, attention, MLP, adapters.

    Where rows are padded, each layer has a mask of numbers, `mask_width` for a token, and keys and values are
    repeated for every head.
    """
    w, q, k, m = shape.width, shape.query_width, shape.key_width, shape.mlp_width
    keys = q if mask_width and shape.kv_heads > 1 else k  # one head is repeated without a copy
    normed = 2 * w + (q + k if shape.head_norms else 0)
    base = kind.base_bytes * (2 * q + 2 * keys + 3 * m + mask_width)
    return base + WIDE * (normed + shape.heads + _adapter_inputs(shape, kind) + _lows(kind))


def _adapter_inputs(shape: ModelShape, kind: Kind) -> int:
    """With dropout each module keeps its mask and the product; without, modules share their input."""
    adapted = {t: shape.projections[t][0] for t in kind.targets}
    if kind.dropout:
        return 2 * sum(adapted.values())
    if kind.base_bytes != WIDE:
        return sum(adapted.values())  # each module has its own copy in float32
    shared = (("q_proj", "k_proj", "v_proj"), ("gate_proj", "up_proj"), ("down_proj",))
    return sum(max((adapted.get(n, 0) for n in names), default=0) for names in shared)


def _lows(kind: Kind) -> int:
    return kind.rank * len(kind.targets)


def kept_bytes(shape: ModelShape, kind: Kind, batch: MicroBatch) -> int:
    """Bytes kept from the forward to the backward; with recomputation the inputs of layers alone."""
    if kind.recompute:
        return shape.layers * batch.tokens * shape.width * kind.base_bytes
    return shape.layers * batch.tokens * kept_per_token(shape, kind, batch)


def passing_bytes(shape: ModelShape, kind: Kind, batch: MicroBatch) -> int:
    """The most bytes held for a moment beside those: in the head, or in the backward of one layer."""
    return max(head_bytes(shape, kind, batch), _layer_bytes(shape, kind, batch))


def _layer_bytes(shape: ModelShape, kind: Kind, batch: MicroBatch) -> int:
    mask = MASK if kind.dropout else WIDE
    element = 3 * kind.base_bytes + mask
    passing = batch.tokens * (shape.mlp_width * element + 3 * shape.width * kind.base_bytes)
    again = batch.tokens * kept_per_token(shape, kind, batch) if kind.recompute else 0
    return passing + again


def head_bytes(shape: ModelShape, kind: Kind, batch: MicroBatch) -> int:
    """Logits and what is made of them: of a chunk of labels (fast), or of every position (plain)."""
    b, v = kind.base_bytes, shape.vocabulary
    copy = 0 if b == WIDE else WIDE
    if kind.engine == "fast":
        rows = min(kind.head_rows, batch.labels)
        return rows * v * (2 * WIDE + (b if copy else 0))  # logits and their log-softmax
    forward = batch.tokens * v * b + batch.labels * v * (b + copy + WIDE)
    return max(forward, 2 * batch.tokens * v * b)


def heap_bytes(shape: ModelShape, kind: Kind, batch: MicroBatch) -> int:
    """Bytes of outputs of the linear layers and of their sums with the adapter in one forward, freed at once.

    The plain engine's blocks lie between those that are kept, and glibc seldom fits another into the gap.
    """
    outputs = sum(shape.projections[t][1] for t in kind.targets)
    return 4 * outputs * batch.tokens * shape.layers * WIDE
