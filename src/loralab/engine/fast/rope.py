"""Queries or keys in, the same turned by their positions out (RoFormer, arXiv 2104.09864, in halves)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Turns:
    """Cosine and sine of each token's angles, (T, 1, head_dim / 2)."""

    cos: Any
    sin: Any

    def forward(self, x: Any) -> Any:
        """x (T, heads, head_dim), turned."""
        return _turn(x, self.cos, self.sin)

    def backward(self, dy: Any) -> Any:
        """Its gradient is turned back."""
        return _turn(dy, self.cos, -self.sin)


def turns_of(rotary: Any, positions: Any, like: Any) -> Turns:
    """From the model's own rotary module, so that any scaling of its frequencies is the model's."""
    cos, sin = rotary(like, positions[None])
    half = cos.shape[-1] // 2  # the second half repeats the first
    return Turns(cos[0, :, None, :half], sin[0, :, None, :half])


def _turn(x: Any, cos: Any, sin: Any) -> Any:
    import torch

    first, second = x.chunk(2, -1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), -1)
