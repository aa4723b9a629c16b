"""The second half of a layer: tokens in, tokens with their own gated product added out, and the way back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from loralab.engine.fast.lora import Linear, Lows, project, project_backward
from loralab.engine.fast.masks import Masks
from loralab.engine.fast.norm import Norm


@dataclass(frozen=True)
class MlpBlock:
    """Weights of the half: down(silu(gate(h)) * up(h)) of the normed tokens h."""

    norm: Norm
    gate_up: tuple[Linear, Linear]
    down: Linear


@dataclass(frozen=True)
class Fed:
    """Kept for the backward."""

    x: Any
    inverse: Any
    gate: Any
    up: Any
    lows: Lows
    down_lows: Lows


def feed(block: MlpBlock, x: Any, masks: Masks | None) -> tuple[Any, Fed]:
    """x (T, width) and what was added."""
    import torch

    h, inverse = block.norm.forward(x)
    (gate, up), lows = project(block.gate_up, h, masks)
    inner = torch.nn.functional.silu(gate).mul_(up)
    (added,), down_lows = project((block.down,), inner, masks)
    return added.add_(x), Fed(x, inverse, gate, up, lows, down_lows)


def feed_backward(block: MlpBlock, dy: Any, saved: Fed, masks: Masks | None) -> Any:
    """The gradient of x from that of the result."""
    import torch

    opened = torch.nn.functional.silu(saved.gate)
    dinner = project_backward((block.down,), opened * saved.up, saved.down_lows, (dy,), masks)
    dup = opened.mul_(dinner)
    dgate = torch.ops.aten.silu_backward(dinner.mul_(saved.up), saved.gate)
    h = block.norm.again(saved.x, saved.inverse)
    dh = project_backward(block.gate_up, h, saved.lows, (dgate, dup), masks)
    return block.norm.backward(dh, saved.x, saved.inverse).add_(dy)
