"""Queries, keys and values of documents laid end to end in, what each token takes from its own document out.

Where documents share their beginning, their own tokens attend to it once for all documents; the two parts of a
softmax are put together by their sums, which is exact (as in FlashAttention, arXiv 2205.14135, between blocks).

On CPU by torch's flash operator, whose backward needs no graph; on CUDA by its attention for sequences of any length,
all documents at once (unverified: no GPU has run it). Where these are missing, or do not give what autograd gives, the
public function and a graph for it alone take their place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import accumulate
from typing import Any

from loralab.engine.fast.arrange import Documents


@dataclass(frozen=True)
class Attention:
    """A pair of functions and its name.

    `forward(q, k, v, documents)` takes q (T, heads, head_dim), k and v (T, kv_heads, head_dim), and gives the same
    shape as q with what `backward(dout, saved)` needs; that gives the gradients of q, k and v.
    """

    name: str
    forward: Callable[[Any, Any, Any, Documents], tuple[Any, Any]]
    backward: Callable[[Any, Any], tuple[Any, Any, Any]]


def choose_attention(device: str, dtype: Any) -> Attention:
    """The device's own way if it is there and agrees with autograd on a small example, else autograd."""
    public = Attention("sdpa", autograd_forward, autograd_backward)
    own = None
    if device == "cpu" and flash_is_there():
        own = Attention("flash", flash_forward, flash_backward)
    elif device == "cuda" and find_spec("torch.nn.attention.varlen"):
        own = Attention("varlen", varlen_forward, autograd_backward)
    return own if own and _agree(own, public, device, dtype) else public


def flash_is_there() -> bool:
    """Whether this torch has the private operator and its backward."""
    import torch

    name = "_scaled_dot_product_flash_attention_for_cpu"
    return all(hasattr(torch.ops.aten, n) for n in (name, f"{name}_backward"))


def _agree(one: Attention, other: Attention, device: str, dtype: Any) -> bool:
    """Whether both give the same outputs and gradients for grouped queries of two documents with a shared start."""
    import torch

    generator = torch.Generator().manual_seed(0)
    q, k, v, dout = (torch.randn(9, n, 8, generator=generator).to(device, dtype) for n in (4, 2, 2, 4))
    results = []
    for kind in (one, other):
        try:
            out, saved = kind.forward(q, k, v, Documents((3, 4), 2))
            results.append((out, *kind.backward(dout, saved)))
        except (RuntimeError, TypeError):  # another signature, or no kernel for grouped queries
            return False
    tolerance = 0.1 if dtype == torch.bfloat16 else 1e-4
    return all(torch.allclose(a, b, atol=tolerance) for a, b in zip(*results, strict=True))


def flash_forward(q: Any, k: Any, v: Any, documents: Documents) -> tuple[Any, Any]:
    """By the private operator, document by document."""
    import torch

    attend = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    outs, sums = [], []
    for part in zip(*(_heads_first(t, documents.parts) for t in (q, k, v)), strict=True):
        out, log_sum = attend(*part, 0.0, True)
        outs.append(_tokens(out))
        sums.append(log_sum)
    out, start = torch.cat(outs), documents.shared
    total = None
    if start:
        seen, seen_sum = attend(*_across(start, q, k, v), 0.0, False)
        total = _put_together(out[start:], torch.cat(sums[1:], 2), _tokens(seen), seen_sum)
        sums = [sums[0], *total.split(documents.lengths, 2)]
    return out, (q, k, v, out, sums, total, documents)


def flash_backward(dout: Any, saved: Any) -> tuple[Any, Any, Any]:
    """The private operator's own backward. It needs the sums of the whole softmax only, whatever part it looks at."""
    import torch

    attend_backward = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward
    q, k, v, out, sums, total, documents = saved
    pieces = zip(*(_heads_first(t, documents.parts) for t in (dout, q, k, v, out)), sums, strict=True)
    parts = [attend_backward(*tensors, 0.0, True) for tensors in pieces]
    dq, dk, dv = (torch.cat([_tokens(t) for t in tensors]) for tensors in zip(*parts, strict=True))
    start = documents.shared
    if start:
        seen = (
            dout[start:].transpose(0, 1)[None],
            *_across(start, q, k, v),
            out[start:].transpose(0, 1)[None],
        )
        more_q, more_k, more_v = attend_backward(*seen, total, 0.0, False)
        dq[start:] += _tokens(more_q)
        dk[:start] += _tokens(more_k)
        dv[:start] += _tokens(more_v)
    return dq, dk, dv


def _across(start: int, q: Any, k: Any, v: Any) -> tuple[Any, Any, Any]:
    """The queries of all documents' own tokens, and the keys and values of the beginning that they share."""
    parts = (q[start:], k[:start], v[:start])
    one, other, third = (part.transpose(0, 1)[None] for part in parts)
    return one, other, third


def _put_together(out: Any, log_sum: Any, other: Any, other_sum: Any) -> Any:
    """Two parts of one softmax into `out` (T, heads, head_dim); the logarithm of its sum (1, heads, T)."""
    import torch

    total = torch.logaddexp(log_sum, other_sum)
    share, other_share = ((s - total).exp_()[0].t()[..., None] for s in (log_sum, other_sum))
    out.mul_(share).add_(other * other_share)
    return total


def varlen_forward(q: Any, k: Any, v: Any, documents: Documents) -> tuple[Any, Any]:
    """All documents in one call; the last query of each sees all of its keys, those of a shared beginning first."""
    import torch
    from torch.nn.attention.varlen import varlen_attn

    lengths, start = documents.parts, documents.shared
    seen = [n + start if index else n for index, n in enumerate(lengths)] if start else lengths
    with torch.enable_grad():
        leaves = [t.detach().requires_grad_() for t in (q, k, v)]
        keys, values = (_with_start(t, documents) if start else t for t in leaves[1:])
        out: Any = varlen_attn(
            leaves[0], keys, values, _bounds(lengths, q.device), _bounds(seen, q.device), max(lengths), max(seen),
            window_size=(-1, 0), enable_gqa=True,
        )  # fmt: skip
    return out.detach(), (leaves, out)


def _with_start(x: Any, documents: Documents) -> Any:
    """(T, heads, head_dim) with the shared beginning before each document's own tokens, too."""
    import torch

    start, *own = x.split(documents.parts)
    return torch.cat([start, *(piece for part in own for piece in (start, part))])


def _bounds(lengths: Sequence[int], device: Any) -> Any:
    """Where each piece begins, and the end of the last, int32."""
    import torch

    return torch.tensor([0, *accumulate(lengths)], dtype=torch.int32, device=device)


def autograd_forward(q: Any, k: Any, v: Any, documents: Documents) -> tuple[Any, Any]:
    """By the public function; the graph of it is kept."""
    import torch

    start = documents.shared
    with torch.enable_grad():
        leaves = [t.detach().requires_grad_() for t in (q, k, v)]
        queries, keys, values = (_heads_first(t, documents.parts) for t in leaves)
        outs = []
        for index, part in enumerate(zip(queries, keys, values, strict=True)):
            begin = (keys[0], values[0]) if start and index else None
            outs.append(_tokens(_attend(*part, begin)))
        out = torch.cat(outs)
    return out.detach(), (leaves, out)


def _attend(q: Any, k: Any, v: Any, begin: tuple[Any, Any] | None) -> Any:
    """Causal attention of one document, after the keys and values that it begins with."""
    import torch

    attend = torch.nn.functional.scaled_dot_product_attention
    if begin is None:
        return attend(q, k, v, is_causal=True, enable_gqa=True)
    k, v = torch.cat((begin[0], k), 2), torch.cat((begin[1], v), 2)
    seen = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool, device=q.device).tril(begin[0].shape[2])
    return attend(q, k, v, attn_mask=seen, enable_gqa=True)


def autograd_backward(dout: Any, saved: Any) -> tuple[Any, Any, Any]:
    """Through the kept graph."""
    import torch

    leaves, out = saved
    dq, dk, dv = torch.autograd.grad(out, leaves, dout)
    return dq, dk, dv


def _heads_first(x: Any, lengths: Sequence[int]) -> list[Any]:
    """(T, heads, head_dim) to one view (1, heads, length, head_dim) for each piece."""
    return [part.transpose(0, 1)[None] for part in x.split(lengths)]


def _tokens(x: Any) -> Any:
    """(1, heads, length, head_dim) to (length, heads, head_dim)."""
    return x[0].transpose(0, 1)
