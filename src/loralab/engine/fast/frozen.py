"""A frozen weight in; its product with tokens, and with their gradients, out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

# How products are made: by torch's own; by oneDNN over the weight as it lies; by oneDNN over a further copy of the
# weight in its own layout, for the forward, or for the input's gradient too.
Packing = Literal["off", "in_place", "forward", "both"]


@dataclass(frozen=True)
class Frozen:
    """A linear layer (out, in) that is not trained.

    `packed` and `packed_back` are what oneDNN multiplies with in the forward and for the input's gradient, None
    where torch's own product is used.
    """

    weight: Any
    bias: Any = None
    packed: Any = None
    packed_back: Any = None

    def forward(self, x: Any) -> Any:
        """(T, in) to (T, out)."""
        import torch

        if self.packed is not None:
            return _packed_product(x, self.packed, self.bias)
        return torch.nn.functional.linear(x, self.weight, self.bias)

    def input_gradient(self, dy: Any, onto: Any = None) -> Any:
        """(T, out) to (T, in); added in place to `onto` if there is one."""
        import torch

        if self.packed_back is not None:
            dx = _packed_product(dy, self.packed_back, None)
            return dx if onto is None else onto.add_(dx)
        return torch.mm(dy, self.weight) if onto is None else onto.addmm_(dy, self.weight)


def freeze(weight: Any, bias: Any, packing: Packing) -> Frozen:
    """A linear layer over the model's own tensors; anything but "off" needs `can_pack`."""
    weight, bias = weight.detach(), None if bias is None else bias.detach()
    if packing in ("off", "in_place"):
        return Frozen(weight, bias, weight if packing == "in_place" else None)
    back = _pack(weight.t().contiguous()) if packing == "both" else None
    return Frozen(weight, bias, _pack(weight), back)


def can_pack(device: str, dtype: Any) -> bool:
    """Whether this build of torch has oneDNN's products for such weights."""
    import torch

    names = ("_reorder_linear_weight", "_linear_pointwise")
    built = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    there = built and all(hasattr(torch.ops.mkldnn, n) for n in names)
    return there and device == "cpu" and bool(dtype == torch.float32)


def _pack(weight: Any) -> Any:
    import torch

    return torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), None)


def _packed_product(x: Any, packed: Any, bias: Any) -> Any:
    import torch

    return torch.ops.mkldnn._linear_pointwise(x, packed, bias, "none", [], "")
