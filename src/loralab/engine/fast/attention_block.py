"""The first half of a layer: tokens in, tokens with what they took from their document added out, and the way back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from loralab.engine.fast.arrange import Documents
from loralab.engine.fast.attention import Attention
from loralab.engine.fast.lora import Linear, Lows, project, project_backward
from loralab.engine.fast.masks import Masks, only
from loralab.engine.fast.norm import Norm
from loralab.engine.fast.rope import Turns


@dataclass(frozen=True)
class AttentionBlock:
    """Weights of the half; `q_norm` and `k_norm` are those of Qwen3 over each head, else None."""

    norm: Norm
    qkv: tuple[Linear, Linear, Linear]
    out: Linear
    head_dim: int
    q_norm: Norm | None = None
    k_norm: Norm | None = None


@dataclass(frozen=True)
class Line:
    """What all layers need to know of a micro-batch of T tokens."""

    documents: Documents
    turns: Turns
    attention: Attention
    masks: Masks | None


@dataclass(frozen=True)
class Attended:
    """Kept for the backward. `heads` holds each norm's input and 1 / rms, for queries and for keys."""

    x: Any
    inverse: Any
    lows: Lows
    heads: tuple[Any, Any]
    attention: Any
    mixed: Any
    out_lows: Lows


def attend(block: AttentionBlock, x: Any, line: Line, chosen: Any) -> tuple[Any, Attended]:
    """x (T, width) and what was added; of the tokens `chosen` (N,) alone if given."""
    h, inverse = block.norm.forward(x)
    outs, lows = project(block.qkv, h, line.masks)
    q, k, v = (t.view(len(x), -1, block.head_dim) for t in outs)
    q, q_kept = _normed(block.q_norm, q)
    k, k_kept = _normed(block.k_norm, k)
    mixed, state = line.attention.forward(line.turns.forward(q), line.turns.forward(k), v, line.documents)
    mixed = _choose(mixed.flatten(1), chosen)
    (added,), out_lows = project((block.out,), mixed, only(line.masks, chosen))
    saved = Attended(x, inverse, lows, (q_kept, k_kept), state, mixed, out_lows)
    return added.add_(_choose(x, chosen)), saved


def attend_backward(
    block: AttentionBlock, dy: Any, saved: Attended, line: Line, chosen: Any, need_input: bool
) -> Any:
    """The gradient of x from that of the result; None if it is not needed."""
    masks = only(line.masks, chosen)
    dmixed = project_backward((block.out,), saved.mixed, saved.out_lows, (dy,), masks)
    tokens = len(saved.x)
    dmixed = _spread(dmixed, chosen, tokens).view(tokens, -1, block.head_dim)
    dq, dk, dv = line.attention.backward(dmixed, saved.attention)
    dq = _normed_backward(block.q_norm, line.turns.backward(dq), saved.heads[0])
    dk = _normed_backward(block.k_norm, line.turns.backward(dk), saved.heads[1])
    h = block.norm.again(saved.x, saved.inverse)
    gradients = [t.flatten(1) for t in (dq, dk, dv)]
    dh = project_backward(block.qkv, h, saved.lows, gradients, line.masks, need_input)
    if dh is None:
        return None
    return block.norm.backward(dh, saved.x, saved.inverse).add_(_spread(dy, chosen, tokens))


def _normed(norm: Norm | None, x: Any) -> tuple[Any, Any]:
    """x after a norm over each head, and what its backward needs."""
    if norm is None:
        return x, None
    y, inverse = norm.forward(x)
    return y, (x, inverse)


def _normed_backward(norm: Norm | None, dy: Any, kept: Any) -> Any:
    return dy if norm is None else norm.backward(dy, *kept)


def _choose(x: Any, chosen: Any) -> Any:
    return x if chosen is None else x[chosen]


def _spread(x: Any, chosen: Any, tokens: int) -> Any:
    """The opposite of `_choose`: 0 for the tokens that were not chosen."""
    return x if chosen is None else x.new_zeros(tokens, x.shape[1]).index_copy_(0, chosen, x)
