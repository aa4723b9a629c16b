"""Linear layers that share an input in, their products with LoRA added out, and the way back.

y = W x + b + s B A (m x), with s the adapter's scaling (and dropout's keep scale) and m the layer's dropout mask.
Without dropout the A of all layers are one product. Gradients are left in the parameters' `.grad`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from loralab.engine.fast.frozen import Frozen
from loralab.engine.fast.masks import Masks


@dataclass(frozen=True)
class Linear:
    """A frozen linear layer; `a` (r, in) and `b` (out, r) are the adapter's parameters, None without one.

    `name` is the module's name in the model, on which its dropout masks depend.
    """

    name: str
    frozen: Frozen
    a: Any = None
    b: Any = None
    scale: float = 0.0


Lows = dict[str, Any]  # s A (m x) by name of the layer, (T, r)


def project(linears: Sequence[Linear], x: Any, masks: Masks | None) -> tuple[list[Any], Lows]:
    """The outputs (T, out) of each layer for x (T, in), and what `project_backward` needs besides x."""
    lows = _lows([n for n in linears if n.a is not None], x, masks)
    outs = []
    for linear in linears:
        y = linear.frozen.forward(x)
        low = lows.get(linear.name)
        outs.append(y if low is None else _add_product(y, low, linear.b.t()))
    return outs, lows


def project_backward(
    linears: Sequence[Linear],
    x: Any,
    lows: Lows,
    gradients: Sequence[Any],
    masks: Masks | None,
    need_input: bool = True,
) -> Any:
    """The gradient of x (T, in) from those of the outputs; None if it is not needed."""
    dx, dlows = None, {}
    for linear, dy in zip(linears, gradients, strict=True):
        if need_input:
            dx = linear.frozen.input_gradient(dy, dx)
        if linear.a is not None:
            wide = dy.to(linear.b.dtype)
            _add_gradient(linear.b, wide.t() @ lows[linear.name])
            dlows[linear.name] = (wide @ linear.b).mul_(_scale(linear, masks))
    adapted = [n for n in linears if n.a is not None]
    if not adapted:
        return dx
    if masks is None:
        return _stacked_backward(adapted, x, dlows, dx)
    return _masked_backward(adapted, x, dlows, masks, dx)


def _lows(adapted: Sequence[Linear], x: Any, masks: Masks | None) -> Lows:
    import torch

    if not adapted:
        return {}
    wide = x.to(adapted[0].a.dtype)
    if masks is None:
        stacked = wide @ torch.cat([n.a for n in adapted]).t()
        parts = stacked.split([n.a.shape[0] for n in adapted], 1)
    else:
        parts = tuple(masks.drop(n.name, wide)[0] @ n.a.t() for n in adapted)
    return {n.name: part.mul_(_scale(n, masks)) for n, part in zip(adapted, parts, strict=True)}


def _stacked_backward(adapted: Sequence[Linear], x: Any, dlows: Lows, dx: Any) -> Any:
    """The A of all layers at once."""
    import torch

    dlow = torch.cat([dlows[n.name] for n in adapted], 1)
    gradient = dlow.t() @ x.to(dlow.dtype)
    for linear, part in zip(adapted, gradient.split([n.a.shape[0] for n in adapted]), strict=True):
        _add_gradient(linear.a, part)
    return dx if dx is None else _add_product(dx, dlow, torch.cat([n.a for n in adapted]))


def _masked_backward(adapted: Sequence[Linear], x: Any, dlows: Lows, masks: Masks, dx: Any) -> Any:
    """Each layer has dropped other elements of x."""
    for linear in adapted:
        dlow = dlows[linear.name]
        wide = x.to(dlow.dtype)
        if dx is None:
            (dropped,) = masks.drop(linear.name, wide)
        else:
            dropped, more = masks.drop(linear.name, wide, dlow @ linear.a)
            dx = _add(dx, more)
        _add_gradient(linear.a, dlow.t() @ dropped)
    return dx


def _scale(linear: Linear, masks: Masks | None) -> float:
    return linear.scale if masks is None else linear.scale * masks.scale


def _add_product(y: Any, left: Any, right: Any) -> Any:
    """y + left @ right, in place where the number formats are equal: a bfloat16 base has a float32 adapter."""
    return y.addmm_(left, right) if y.dtype == left.dtype else _add(y, left @ right)


def _add(y: Any, more: Any) -> Any:
    return y.add_(more) if y.dtype == more.dtype else (y + more).to(y.dtype)


def _add_gradient(parameter: Any, gradient: Any) -> None:
    if parameter.grad is None:
        parameter.grad = gradient
    else:
        parameter.grad += gradient
