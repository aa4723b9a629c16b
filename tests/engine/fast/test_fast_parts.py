"""Each forward and backward of the fast engine by itself, against autograd or Hugging Face."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from loralab.engine.fast import attention as attention_module
from loralab.engine.fast.arrange import Documents
from loralab.engine.fast.attention import (
    Attention,
    autograd_backward,
    autograd_forward,
    choose_attention,
    varlen_forward,
)
from loralab.engine.fast.frozen import Frozen, can_pack, freeze
from loralab.engine.fast.head import label_losses
from loralab.engine.fast.norm import Norm
from loralab.engine.fast.rope import turns_of

LENGTHS = (1, 5, 3)
DOCUMENTS = Documents(LENGTHS)
SHARING = Documents((5, 1), 3)  # the same nine tokens, of which the first three belong to both documents


def random(*shape: int, seed: int = 0, dtype: str = "float32") -> Any:
    import torch

    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(getattr(torch, dtype))


def close(a: Any, b: Any, tolerance: float = 1e-5) -> bool:
    import torch

    return torch.allclose(a, b, rtol=tolerance, atol=tolerance)


def test_a_norm_is_hugging_faces_and_autograds() -> None:
    from transformers.models.qwen3.modeling_qwen3 import Qwen3RMSNorm

    module = Qwen3RMSNorm(16, eps=1e-3)
    module.weight.data = random(16, seed=1)
    x, dy = random(7, 3, 16).requires_grad_(), random(7, 3, 16, seed=2)
    expected = module(x)
    expected.backward(dy)
    norm = Norm(module.weight.detach(), 1e-3)
    y, inverse = norm.forward(x.detach())
    assert close(y, expected.detach()) and close(norm.backward(dy, x.detach(), inverse), x.grad)


@pytest.mark.parametrize("rope_type", ["default", "yarn"])
def test_turning_is_hugging_faces_and_autograds(rope_type: str) -> None:
    import torch
    from transformers import Qwen2Config
    from transformers.models.qwen2.modeling_qwen2 import Qwen2RotaryEmbedding, apply_rotary_pos_emb

    rope = {"rope_type": rope_type, "rope_theta": 100.0}
    rope |= {"factor": 4.0, "original_max_position_embeddings": 4} if rope_type == "yarn" else {}
    settings = Qwen2Config(
        hidden_size=32, num_attention_heads=4, rope_parameters=rope, max_position_embeddings=16
    )
    rotary = Qwen2RotaryEmbedding(settings)
    q, k, dq = random(9, 4, 8).requires_grad_(), random(9, 2, 8, seed=1), random(9, 4, 8, seed=2)
    positions = torch.tensor([p for n in LENGTHS for p in range(n)])
    cos, sin = rotary(q, positions[None])
    heads_first = (t.transpose(0, 1)[None] for t in (q, k))
    turned_q, turned_k = (t[0].transpose(0, 1) for t in apply_rotary_pos_emb(*heads_first, cos, sin))
    turned_q.backward(dq)
    turns = turns_of(rotary, positions, q)
    assert close(turns.forward(q.detach()), turned_q.detach()) and close(turns.forward(k), turned_k)
    assert close(turns.backward(dq), q.grad)


@pytest.mark.parametrize("chunk_rows", [1, 4, 100])
def test_label_losses_are_cross_entropy_and_its_gradient(chunk_rows: int) -> None:
    import torch

    weight, bias = random(50, 8), random(50, seed=1)
    targets = torch.arange(9) * 5
    hidden = (
        random(9, 8, seed=2) * torch.logspace(-2, 3, 9)[:, None]
    ).requires_grad_()  # logits in thousands
    expected = torch.nn.functional.cross_entropy(hidden @ weight.t() + bias, targets, reduction="none")
    (expected.sum() * 0.25).backward()
    losses, gradient = label_losses(Frozen(weight, bias), hidden.detach(), targets, chunk_rows, 0.25)
    assert close(losses, expected.detach()) and close(gradient, hidden.grad)
    forward_only = label_losses(Frozen(weight, bias), hidden.detach(), targets, chunk_rows, None)
    assert torch.equal(forward_only[0], losses) and forward_only[1] is None


def test_no_more_than_a_chunk_meets_the_vocabulary(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    largest = [0]

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            out = func(*args, **(kwargs or {}))
            for tensor in out if isinstance(out, (tuple, list)) else (out,):
                if getattr(tensor, "shape", ())[1:] == (997,):
                    largest[0] = max(largest[0], len(tensor))
            return out

    hidden, targets, head = random(64, 8), torch.arange(64), Frozen(random(997, 8))
    with Watch():
        label_losses(head, hidden, targets, 16, 1.0)
    assert largest == [16]


@pytest.mark.parametrize("documents", [DOCUMENTS, SHARING])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_flash_attention_is_that_of_autograd(dtype: str, documents: Documents) -> None:
    import torch

    kind = choose_attention("cpu", getattr(torch, dtype))
    if kind.name != "flash":
        pytest.skip("this torch has another private operator")
    q, k, v = (
        random(9, 4, 8, dtype=dtype),
        random(9, 2, 8, seed=1, dtype=dtype),
        random(9, 2, 8, seed=2, dtype=dtype),
    )
    dout = random(9, 4, 8, seed=3, dtype=dtype)
    out, saved = kind.forward(q, k, v, documents)
    expected, graph = autograd_forward(q, k, v, documents)
    assert close(out, expected)
    assert all(
        close(a, b) for a, b in zip(kind.backward(dout, saved), autograd_backward(dout, graph), strict=True)
    )


@pytest.mark.parametrize("kind", ["flash", "sdpa"])
def test_a_shared_beginning_is_attended_to_as_if_each_document_had_its_own(kind: str) -> None:
    import torch

    attention = choose_attention("cpu", torch.float32)
    if kind == "sdpa":
        attention = Attention("sdpa", autograd_forward, autograd_backward)
    q, k, v, dout = random(9, 4, 8), random(9, 2, 8, seed=1), random(9, 2, 8, seed=2), random(9, 4, 8, seed=3)
    start, places = (
        SHARING.shared,
        (0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 8),
    )  # of each document the tokens it consists of
    out, saved = attention.forward(q, k, v, SHARING)
    whole, whole_saved = attention.forward(*(t[list(places)] for t in (q, k, v)), Documents((8, 4)))
    assert close(out, torch.cat((whole[:8], whole[11:])))
    wide = torch.cat((dout[:8], torch.zeros(start, 4, 8), dout[8:]))  # the loss sees the beginning once
    for narrow, full in zip(
        attention.backward(dout, saved), attention.backward(wide, whole_saved), strict=True
    ):
        assert close(narrow, torch.zeros_like(narrow).index_add_(0, torch.tensor(places), full))


def test_attention_stays_within_a_document_and_looks_back_only() -> None:
    import torch

    q, k, v = random(9, 4, 8), random(9, 2, 8, seed=1), random(9, 2, 8, seed=2)
    for kind in (
        choose_attention("cpu", torch.float32),
        Attention("sdpa", autograd_forward, autograd_backward),
    ):
        before, _ = kind.forward(q, k, v, DOCUMENTS)
        k[4], v[4] = 9.0, 9.0
        after, _ = kind.forward(q, k, v, DOCUMENTS)
        changed = (before != after).flatten(1).any(1).tolist()
        assert changed == [False] * 4 + [True] * 2 + [False] * 3
        k, v = random(9, 2, 8, seed=1), random(9, 2, 8, seed=2)


def causal_at_the_end(
    query: Any, key: Any, value: Any, cu_seq_q: Any, cu_seq_k: Any, max_q: int, max_k: int, **settings: Any
) -> Any:
    """torch's varlen_attn as it is documented, for CUDA alone: the last query of a piece sees all of its keys."""
    import torch

    assert settings == {"window_size": (-1, 0), "enable_gqa": True}
    outs = []
    for (a, b), (c, d) in zip(pairwise(cu_seq_q.tolist()), pairwise(cu_seq_k.tolist()), strict=True):
        assert b - a <= max_q and d - c <= max_k
        seen = torch.ones(b - a, d - c, dtype=torch.bool).tril(d - c - b + a)
        parts = (t.transpose(0, 1)[None] for t in (query[a:b], key[c:d], value[c:d]))
        attend = torch.nn.functional.scaled_dot_product_attention
        outs.append(attend(*parts, attn_mask=seen, enable_gqa=True)[0].transpose(0, 1))
    return torch.cat(outs)


@pytest.mark.parametrize("documents", [DOCUMENTS, SHARING])
def test_sequences_of_any_length_are_laid_out_as_torch_documents_them(
    monkeypatch: pytest.MonkeyPatch, documents: Documents
) -> None:
    varlen = pytest.importorskip("torch.nn.attention.varlen", reason="torch before 2.10")
    monkeypatch.setattr(varlen, "varlen_attn", causal_at_the_end)
    q, k, v, dout = (random(9, n, 8, seed=n) for n in (4, 2, 2, 4))
    (out, saved), (expected, graph) = (way(q, k, v, documents) for way in (varlen_forward, autograd_forward))
    assert close(out, expected)
    assert all(
        close(a, b)
        for a, b in zip(autograd_backward(dout, saved), autograd_backward(dout, graph), strict=True)
    )


def wrong_gradient(dout: Any, saved: Any) -> tuple[Any, Any, Any]:
    q, k, v = autograd_backward(dout, saved)
    return q, k * 1.01, v


def refused(*_: Any) -> Any:
    raise RuntimeError("no kernel")


@pytest.mark.parametrize(
    ("name", "value"),
    [("flash_is_there", lambda: False), ("flash_forward", refused), ("flash_backward", wrong_gradient)],
)
def test_a_private_operator_that_is_missing_or_differs_is_not_used(
    monkeypatch: pytest.MonkeyPatch, name: str, value: Callable[..., Any]
) -> None:
    import torch

    if name == "flash_backward":
        monkeypatch.setattr(attention_module, "flash_forward", autograd_forward)
    monkeypatch.setattr(attention_module, name, value)
    assert choose_attention("cpu", torch.float32).name == "sdpa"
    monkeypatch.setattr(attention_module, "find_spec", lambda name: None)  # a torch without varlen
    assert choose_attention("cuda", torch.float32).name == "sdpa"


@pytest.mark.parametrize("packing", ["off", "in_place", "forward", "both"])
def test_a_frozen_layer_is_a_linear_layer(packing: Any) -> None:
    import torch

    if packing != "off" and not can_pack("cpu", torch.float32):
        pytest.skip("this torch has no packed products")
    weight, bias, x, dy = random(12, 8), random(12, seed=1), random(5, 8, seed=2), random(5, 12, seed=3)
    layer = freeze(weight, bias, packing)
    assert close(layer.forward(x), x @ weight.t() + bias)
    assert close(layer.input_gradient(dy), dy @ weight)
    onto = random(5, 8, seed=4)
    expected = onto + dy @ weight
    assert close(layer.input_gradient(dy, onto), expected) and close(onto, expected), "in place"
