"""Philox 4x32-10 in torch is that of its authors, on counters of any shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doubles.philox import by_hand
from loralab.engine.philox import LOW, TENSORS_HELD, TENSORS_MOVED, philox

words = st.integers(0, LOW)
blocks = st.lists(st.tuples(words, words, words, words), min_size=1, max_size=6)


def drawn(counters: Sequence[Sequence[int]], key: tuple[int, int]) -> list[list[int]]:
    import torch

    c0, c1, c2, c3 = torch.tensor(counters, dtype=torch.int64).t().contiguous()
    out = torch.stack(philox((c0, c1, c2, c3), key)) & LOW
    return [list(map(int, block)) for block in out.t()]


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
    ],
)
def test_the_answers_that_random123_publishes(counter: str, key: str, expected: str) -> None:
    numbers = [[int(word, 16) for word in text.split()] for text in (counter, key, expected)]
    assert drawn([numbers[0]], (numbers[1][0], numbers[1][1])) == [numbers[2]]


@given(blocks, st.tuples(words, words))
@settings(max_examples=60, deadline=None)
def test_each_block_is_what_python_computes_of_it_alone(
    counters: list[tuple[int, int, int, int]], key: tuple[int, int]
) -> None:
    assert drawn(counters, key) == [by_hand(counter, key) for counter in counters]


def test_the_temporaries_and_the_bytes_moved_are_those_that_are_stated() -> None:
    """Every operation of torch is watched: what it reads and writes, and how much new memory it takes."""
    import torch
    from torch.overrides import TorchFunctionMode

    moved, made = [0], [4]

    class Watch(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            kwargs = kwargs or {}
            out = func(*args, **kwargs)
            if func is torch.empty_like:
                made[0] += 1
            else:
                moved[0] += sum(isinstance(a, torch.Tensor) for a in args) + 1
                assert out is kwargs.get("out", args[0]), f"{func} makes a tensor of its own"
            return out

    counters = tuple(torch.arange(8) for _ in range(4))
    with Watch():
        philox(counters, (1, 2))  # type: ignore[arg-type]
    assert (moved[0], made[0]) == (TENSORS_MOVED, TENSORS_HELD)
