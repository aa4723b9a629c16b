"""Queries, keys and values of documents laid end to end in, what each token takes from its own document out.

On CPU by torch's flash operator, whose backward needs no graph. It is private to torch: where it is missing, or
does not give what autograd gives, the public function and a graph for it alone take its place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Attention:
    """A pair of functions and its name.

    `forward(q, k, v, lengths)` takes q (T, heads, head_dim), k and v (T, kv_heads, head_dim), and gives the same
    shape as q with what `backward(dout, saved)` needs; that gives the gradients of q, k and v.
    """

    name: str
    forward: Callable[[Any, Any, Any, Sequence[int]], tuple[Any, Any]]
    backward: Callable[[Any, Any], tuple[Any, Any, Any]]


def choose_attention(device: str, dtype: Any) -> Attention:
    """The flash operator if it is there and agrees with autograd on a small example, else autograd."""
    public = Attention("sdpa", autograd_forward, autograd_backward)
    flash = Attention("flash", flash_forward, flash_backward)
    return flash if device == "cpu" and flash_is_there() and _agree(flash, public, dtype) else public


def flash_is_there() -> bool:
    """Whether this torch has the private operator and its backward."""
    import torch

    name = "_scaled_dot_product_flash_attention_for_cpu"
    return all(hasattr(torch.ops.aten, n) for n in (name, f"{name}_backward"))


def _agree(one: Attention, other: Attention, dtype: Any) -> bool:
    """Whether both give the same outputs and gradients for grouped queries of two documents."""
    import torch

    generator = torch.Generator().manual_seed(0)
    q, k, v, dout = (torch.randn(7, n, 8, generator=generator).to(dtype) for n in (4, 2, 2, 4))
    results = []
    for kind in (one, other):
        try:
            out, saved = kind.forward(q, k, v, (3, 4))
            results.append((out, *kind.backward(dout, saved)))
        except (RuntimeError, TypeError):  # another signature, or no kernel for grouped queries
            return False
    tolerance = 0.1 if dtype == torch.bfloat16 else 1e-4
    return all(torch.allclose(a, b, atol=tolerance) for a, b in zip(*results, strict=True))


def flash_forward(q: Any, k: Any, v: Any, lengths: Sequence[int]) -> tuple[Any, Any]:
    """By the private operator, document by document."""
    import torch

    attend = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    outs, sums = [], []
    for part in zip(*(_documents(t, lengths) for t in (q, k, v)), strict=True):
        out, log_sum = attend(*part, 0.0, True)
        outs.append(_tokens(out))
        sums.append(log_sum)
    out = torch.cat(outs)
    return out, (q, k, v, out, sums, tuple(lengths))


def flash_backward(dout: Any, saved: Any) -> tuple[Any, Any, Any]:
    """The private operator's own backward."""
    import torch

    attend_backward = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward
    q, k, v, out, sums, lengths = saved
    documents = zip(*(_documents(t, lengths) for t in (dout, q, k, v, out)), sums, strict=True)
    parts = [attend_backward(*tensors, 0.0, True) for tensors in documents]
    dq, dk, dv = (torch.cat([_tokens(t) for t in tensors]) for tensors in zip(*parts, strict=True))
    return dq, dk, dv


def autograd_forward(q: Any, k: Any, v: Any, lengths: Sequence[int]) -> tuple[Any, Any]:
    """By the public function; the graph of it is kept."""
    import torch

    attend = torch.nn.functional.scaled_dot_product_attention
    with torch.enable_grad():
        leaves = [t.detach().requires_grad_() for t in (q, k, v)]
        documents = zip(*(_documents(t, lengths) for t in leaves), strict=True)
        outs = [attend(a, b, c, is_causal=True, enable_gqa=True) for a, b, c in documents]
        out = torch.cat([_tokens(t) for t in outs])
    return out.detach(), (leaves, out)


def autograd_backward(dout: Any, saved: Any) -> tuple[Any, Any, Any]:
    """Through the kept graph."""
    import torch

    leaves, out = saved
    dq, dk, dv = torch.autograd.grad(out, leaves, dout)
    return dq, dk, dv


def _documents(x: Any, lengths: Sequence[int]) -> list[Any]:
    """(T, heads, head_dim) to one view (1, heads, length, head_dim) for each document."""
    return [part.transpose(0, 1)[None] for part in x.split(lengths)]


def _tokens(x: Any) -> Any:
    """(1, heads, length, head_dim) to (length, heads, head_dim)."""
    return x[0].transpose(0, 1)
