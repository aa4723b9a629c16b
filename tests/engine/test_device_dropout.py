"""Masks made on the device of the tensors: pure, the same in any arrangement, and the share they say."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doubles.philox import by_hand
from loralab.engine import device_dropout
from loralab.engine.device_dropout import (
    BYTES_MOVED,
    CHECKED_WIDTHS,
    LAUNCHES,
    MaskKernel,
    _digest,
    device_mask,
    mask_kernel,
    mask_tokens,
    torch_mask,
    try_triton,
)
from loralab.engine.dropout import drop_level, stream_of

MODULE = "model.layers.0.self_attn.q_proj"
Rows = list[tuple[str, int]]
lengths = st.lists(st.integers(0, 9), min_size=1, max_size=5)
widths = st.integers(1, 40)


def rows_of(many: list[int]) -> Rows:
    return [(f"row-{i}", n) for i, n in enumerate(many)]


def mask(rows: Rows, width: int, seed=1, step=2, module=MODULE, dropout=0.4) -> Any:  # type: ignore[no-untyped-def]
    return device_mask(mask_tokens(seed, step, rows, "cpu"), seed, step, module, width, dropout)


def test_which_stream_a_device_has() -> None:
    assert [stream_of(d) for d in ("cpu", "mps", "cuda", "cuda:1")] == ["sfc64", "sfc64", "philox", "philox"]


@given(lengths, widths, st.sampled_from([0.1, 0.5, 0.9]))
@settings(max_examples=25, deadline=None)
def test_each_element_is_what_python_computes_of_it_alone(
    many: list[int], width: int, dropout: float
) -> None:
    rows = rows_of(many)
    key = _digest(1, 2, "module", MODULE)
    expected = []
    for row, length in rows:
        upper = _digest(1, 2, "row", row)
        elements = length * width
        words = [by_hand((n, 0, *upper), key) for n in range(-(-elements // 8))]
        levels = [half for block in words for word in block for half in (word & 0xFFFF, word >> 16)]
        expected += [(level ^ 0x8000) >= drop_level(dropout) for level in levels[:elements]]
    found = mask(rows, width, dropout=dropout)
    assert found.shape == (sum(many), width) and found.flatten().tolist() == expected


def test_the_mask_of_one_tuple_is_what_it_always_was() -> None:
    found = device_mask(
        mask_tokens(42, 7, [("0123456789abcdef", 33)], "cpu"), 42, 7, MODULE, 50, 0.1
    ).flatten()
    assert [i for i, kept in enumerate(found.tolist()) if not kept][:12] == [
        0,
        4,
        10,
        16,
        27,
        31,
        44,
        69,
        76,
        80,
        82,
        107,
    ]
    assert int(found.sum()) == 1485


@given(lengths, widths)
@settings(max_examples=40, deadline=None)
def test_a_row_is_dropped_alike_alone_and_among_others(many: list[int], width: int) -> None:
    import torch

    rows = rows_of(many)
    together = mask(rows, width)
    assert torch.equal(together, torch.cat([mask([row], width) for row in rows]))
    assert torch.equal(torch.cat(together.split(many)[::-1]), mask(rows[::-1], width))


@given(st.integers(0, 20), st.integers(1, 20), widths)
@settings(max_examples=40, deadline=None)
def test_fewer_tokens_get_the_beginning_of_the_same_mask(short: int, more: int, width: int) -> None:
    import torch

    assert torch.equal(mask([("a", short)], width), mask([("a", short + more)], width)[:short])


@given(lengths, widths, st.data())
@settings(max_examples=40, deadline=None)
def test_some_of_the_tokens_have_their_part_of_the_mask(many: list[int], width: int, data: Any) -> None:
    import torch

    chosen = [i for i in range(sum(many)) if data.draw(st.booleans())]
    tokens = mask_tokens(1, 2, rows_of(many), "cpu")[:, chosen]
    assert torch.equal(device_mask(tokens, 1, 2, MODULE, width, 0.4), mask(rows_of(many), width)[chosen])


@pytest.mark.parametrize("piece", [1, 48, 100])
@pytest.mark.parametrize("width", [24, 13])
def test_made_in_pieces_it_is_the_same(monkeypatch: pytest.MonkeyPatch, piece: int, width: int) -> None:
    import torch

    rows = rows_of([5, 9, 2])
    whole, made = mask(rows, width), []
    real = device_dropout.philox
    monkeypatch.setattr(device_dropout, "PIECE", piece)
    monkeypatch.setattr(device_dropout, "philox", lambda c, k: made.append(c[0].numel()) or real(c, k))
    assert torch.equal(mask(rows, width), whole)
    at_once = max(1, piece // width)
    assert len(made) == -(-16 // at_once) and max(made) <= at_once * (width + 14) // 8


def test_a_block_beyond_32_bits_is_another_one() -> None:
    """A place so far out that the count of blocks fills its lower word has a mask of its own."""
    import torch

    tokens = mask_tokens(1, 2, [("a", 1)], "cpu").repeat(1, 2)
    tokens[2, 1] = 1 << 32  # blocks 0, 1 and those 2 x 2**32 on
    near, far = device_mask(tokens, 1, 2, MODULE, 16, 0.5)
    words = [by_hand((n, 2, *_digest(1, 2, "row", "a")), _digest(1, 2, "module", MODULE)) for n in (0, 1)]
    levels = [half for block in words for word in block for half in (word & 0xFFFF, word >> 16)]
    assert far.tolist() == [(level ^ 0x8000) >= drop_level(0.5) for level in levels]
    assert not torch.equal(near, far)


@pytest.mark.parametrize("dropout", [0.05, 0.1, 0.5, 0.9])
def test_the_share_kept_is_within_binomial_bounds(dropout: float) -> None:
    kept = mask([("a", 1000)], 1000, dropout=dropout).numpy()
    deviation = math.sqrt(dropout * (1 - dropout) / kept.size)
    assert abs(kept.mean() - (1 - dropout)) < 5 * deviation + 1 / (1 << 17)
    columns, rows = kept.mean(0), kept.mean(1)
    worst = 6 * math.sqrt(dropout * (1 - dropout) / 1000)
    assert abs(columns - (1 - dropout)).max() < worst and abs(rows - (1 - dropout)).max() < worst


def test_the_bytes_and_the_launches_are_those_that_are_stated() -> None:
    """Of whatever computes or copies, what is read and written; a word of which a half is compared is read whole.

    A value asked back from the device would be one operation more.
    """
    import torch
    from torch.overrides import TorchFunctionMode

    no_work = {
        "__getitem__",
        "view",
        "expand_as",
        "unbind",
        "dim",
        "__get__",
        "__len__",
        "empty",
        "empty_like",
    }
    moved, launches = [0], [0]

    class Watch(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            kwargs = kwargs or {}
            out = func(*args, **kwargs)
            if func.__name__ not in no_work:
                launches[0] += 1
                touched = [args[2]] * 2 if func.__name__ == "__setitem__" else [*args, kwargs.get("out", out)]
                moved[0] += sum(map(bytes_of, touched))
            return out

    def bytes_of(value: Any) -> int:
        if not isinstance(value, torch.Tensor) or 0 in value.stride():  # a row's word, repeated
            return 0
        return value.numel() * (4 if value.dtype == torch.int16 else value.itemsize)

    tokens = mask_tokens(1, 2, [("a", 100)], "cpu")
    with Watch():
        device_mask(tokens, 1, 2, MODULE, 8000, 0.1)
    assert launches == [LAUNCHES]
    assert moved[0] / (100 * 8000) == pytest.approx(BYTES_MOVED, abs=0.1)


def test_nothing_is_dropped_at_zero() -> None:
    assert mask([("a", 60)], 100, dropout=0.0).all()


def test_masks_of_other_modules_rows_steps_and_seeds_are_independent() -> None:
    others: list[dict[str, Any]] = [
        {}, {"seed": 2}, {"step": 3}, {"module": "model.layers.0.self_attn.k_proj"},
        {"module": "model.layers.1.self_attn.q_proj"}, {"module": "a"},
    ]  # fmt: skip
    masks = [mask([(row, 200)], 200, dropout=0.5, **o).flatten() for o in others for row in ("a", "a-2")]
    matrix = np.corrcoef([m.double().numpy() for m in masks]) - np.eye(len(masks))
    assert np.abs(matrix).max() < 5 / 200


def test_neighbouring_tokens_channels_and_halves_are_independent() -> None:
    kept = mask([("a", 400)], 400, dropout=0.5).double().numpy()
    for a, b in ((kept[:-1], kept[1:]), (kept[:, :-1], kept[:, 1:]), (kept[:, :-8], kept[:, 8:])):
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 5 / 390


def test_parts_of_the_key_do_not_run_into_each_other() -> None:
    """Seed 1 with step 12 is not seed 11 with step 2; what names a row names no module."""
    digests = [_digest(*p) for p in ((1, 12, "row", "a"), (11, 2, "row", "a"), (1, 12, "module", "a"))]
    assert len({*digests}) == 3 and all(0 <= word < 1 << 32 for pair in digests for word in pair)


# ------------------------------------------------------------------------------- the kernel of Triton, or not

Put = Callable[[Callable[..., Any]], None]


@pytest.fixture
def put_kernel(monkeypatch: pytest.MonkeyPatch) -> Put:
    """Have a function stand in for the kernel, whether or not Triton is installed."""

    def put(make: Callable[..., Any]) -> None:
        module = ModuleType("loralab.engine.philox_kernel")
        monkeypatch.setattr(module, "triton_mask", make, raising=False)
        monkeypatch.setitem(sys.modules, module.__name__, module)

    return put


@pytest.fixture
def no_memory_of_devices() -> Iterator[None]:
    """What makes masks on a device is settled anew, here and afterwards."""
    device_dropout._kernel_on.cache_clear()
    yield
    device_dropout._kernel_on.cache_clear()


def test_a_kernel_that_makes_the_same_bits_is_taken(put_kernel: Put) -> None:
    widths = []

    def same(tokens: Any, key: tuple[int, int], width: int, dropped_levels: int) -> Any:
        widths.append(width)
        return torch_mask(tokens, key, width, dropped_levels)

    put_kernel(same)
    assert try_triton("cpu") == MaskKernel("triton", same)
    assert widths == list(CHECKED_WIDTHS)


@pytest.mark.parametrize("wrong", CHECKED_WIDTHS)
def test_a_kernel_with_one_other_bit_is_not_taken_and_it_is_said(wrong: int, put_kernel: Put) -> None:
    def other(tokens: Any, key: tuple[int, int], width: int, dropped_levels: int) -> Any:
        kept = torch_mask(tokens, key, width, dropped_levels)
        kept[-1, -1] ^= width == wrong
        return kept

    put_kernel(other)
    found = try_triton("cpu")
    assert (found.name, found.make) == ("torch", torch_mask) and found.warning is not None
    code, words = found.warning
    assert code == "mask_kernel_disagrees" and str(words).endswith(f"makes others, of width {wrong}")


class CompilationError(Exception):
    """Triton's is no RuntimeError either."""


@pytest.mark.parametrize("error", [RuntimeError, ImportError, AssertionError, OSError, CompilationError])
def test_a_kernel_that_fails_is_not_taken_and_it_is_said(error: type[Exception], put_kernel: Put) -> None:
    def failing(*_: Any) -> Any:
        raise error("no C compiler\nmore of it")

    put_kernel(failing)
    found = try_triton("cpu")
    assert (found.name, found.make) == ("torch", torch_mask) and found.warning is not None
    code, words = found.warning
    assert code == "mask_kernel_fails" and str(words).endswith("Triton fails here: no C compiler")


def test_memory_that_runs_out_is_not_taken_for_a_failing_kernel(put_kernel: Put) -> None:
    def full(*_: Any) -> Any:
        raise RuntimeError("CUDA out of memory")

    put_kernel(full)
    with pytest.raises(RuntimeError, match="out of memory"):
        try_triton("cpu")


@pytest.mark.usefixtures("no_memory_of_devices")
def test_it_is_tried_once_for_each_device_of_cuda_where_triton_is(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    tried: list[str] = []
    kernel = MaskKernel("triton", torch_mask)
    monkeypatch.setattr(device_dropout, "try_triton", lambda device: tried.append(str(device)) or kernel)
    monkeypatch.setattr(device_dropout, "is_installed", lambda package: package == "triton")
    devices = [torch.device(name) for name in ("cuda:0", "cpu", "cuda:1", "cuda:0")]
    assert [device_dropout._kernel_on(d).name for d in devices] == ["triton", "torch", "triton", "triton"]
    assert tried == ["cuda:0", "cuda:1"]
    device_dropout._kernel_on.cache_clear()
    monkeypatch.setattr(device_dropout, "is_installed", lambda package: False)
    assert device_dropout._kernel_on(devices[0]) == MaskKernel("torch", torch_mask)
    assert mask_kernel("cpu") == MaskKernel("torch", torch_mask) and len(tried) == 2


def test_masks_are_asked_of_what_was_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    kernel = MaskKernel("triton", lambda *given: asked.append(given))
    monkeypatch.setattr(device_dropout, "_kernel_on", lambda device: kernel)
    tokens = mask_tokens(1, 2, [("a", 3)], "cpu")
    device_mask(tokens, 1, 2, MODULE, 24, 0.1)
    assert asked == [(tokens, _digest(1, 2, "module", MODULE), 24, drop_level(0.1))]
