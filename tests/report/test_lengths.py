"""The histogram: every row is in one bin, the limit is a border, and the picture is to scale."""

from __future__ import annotations

import math
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from loralab.report.lengths import Bin, draw_histogram, length_bins

LENGTHS = st.lists(st.integers(1, 500) | st.integers(1, 40_000), min_size=1, max_size=200)
LIMITS = st.integers(1, 5_000)


def over(bins: tuple[Bin, ...], limit: int) -> int:
    return sum(count for low, _, count in bins if low > limit)


@given(LENGTHS, LIMITS)
def test_every_row_is_in_the_one_bin_that_holds_its_length(lengths: list[int], limit: int) -> None:
    bins = length_bins(lengths, limit)
    assert [count for *_, count in bins] == [sum(low <= n <= high for n in lengths) for low, high, _ in bins]
    assert sum(count for *_, count in bins) == len(lengths)
    assert (bins[0][0], bins[-1][1]) == (0, max(lengths))
    assert all(high + 1 == low for (_, high, _), (low, *_) in pairwise(bins))


@given(LENGTHS, LIMITS)
def test_the_limit_parts_the_rows_that_are_cut_from_the_others(lengths: list[int], limit: int) -> None:
    assert over(length_bins(lengths, limit), limit) == sum(n > limit for n in lengths)


@given(LENGTHS, LIMITS)
def test_bins_are_few(lengths: list[int], limit: int) -> None:
    assert len(length_bins(lengths, limit)) <= 100


def test_a_few_very_long_rows_do_not_press_the_others_together() -> None:
    bins = length_bins([*range(100, 300)] * 5 + [30_000], 384)
    usual = [b for b in bins if b[1] - b[0] < 20]
    assert sum(count for *_, count in usual) == 1000
    assert bins[-1][1:] == (30_000, 1)


def test_no_rows_have_no_bins() -> None:
    assert length_bins([], 384) == ()


@given(LENGTHS, LIMITS)
def test_bars_lie_side_by_side_in_the_picture_and_are_as_high_as_their_counts(
    lengths: list[int], limit: int
) -> None:
    bins = length_bins(lengths, limit)
    drawn = draw_histogram(bins, limit, 360, 230)
    left, right, bottom = drawn.axis
    assert [bar.bin for bar in drawn.bars] == list(bins)
    assert all(left <= bar.x and bar.x + bar.width <= right and bar.width > 0 for bar in drawn.bars)
    assert all(one.x + one.width <= other.x + 1e-6 for one, other in pairwise(drawn.bars))
    most = max(drawn.bars, key=lambda bar: bar.bin[2])
    for bar in drawn.bars:
        assert math.isclose(bar.height, most.height * bar.bin[2] / most.bin[2], abs_tol=1e-6)
        assert math.isclose(bar.y + bar.height, bottom)


@given(LENGTHS, LIMITS)
def test_the_limit_stands_between_the_bars_that_are_cut_and_the_others(
    lengths: list[int], limit: int
) -> None:
    drawn = draw_histogram(length_bins(lengths, limit), limit, 1040, 300)
    if limit < max(lengths):
        assert drawn.limit is not None
    if drawn.limit is not None:
        for bar in drawn.bars:
            if bar.bin[0] > limit:
                assert bar.over and bar.x >= drawn.limit - 1e-6
            elif bar.bin[1] <= limit:
                assert not bar.over and bar.x + bar.width <= drawn.limit + 1e-6


def test_a_limit_far_beyond_every_row_is_not_drawn() -> None:
    bins = length_bins([100] * 50, 32_768)
    assert draw_histogram(bins, 32_768, 360, 230).limit is None
    assert draw_histogram(length_bins([100] * 50, 120), 120, 360, 230).limit is not None
