"""Root-mean-square norms of tokens, and the way back; sums in float32 or wider, as Hugging Face has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Norm:
    """y = weight * x / rms(x) over the last dimension, with rms(x)^2 = mean(x^2) + eps."""

    weight: Any
    eps: float

    def forward(self, x: Any) -> tuple[Any, Any]:
        """y (..., width) and 1 / rms(x) (..., 1)."""
        import torch

        inverse = torch.rsqrt(_wide(x).square().mean(-1, keepdim=True).add_(self.eps))
        return self.again(x, inverse), inverse

    def again(self, x: Any, inverse: Any) -> Any:
        """y once more: it is cheaper to make than to keep."""
        return (x * inverse).to(x.dtype) * self.weight

    def backward(self, dy: Any, x: Any, inverse: Any) -> Any:
        """The gradient of x."""
        normed = x * inverse
        dnormed = _wide(dy * self.weight)
        along = (dnormed * normed).mean(-1, keepdim=True)
        return dnormed.addcmul(normed, along, value=-1).mul_(inverse).to(x.dtype)


def _wide(x: Any) -> Any:
    import torch

    return x.to(torch.promote_types(x.dtype, torch.float32))
