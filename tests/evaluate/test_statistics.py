"""Intervals: the same everywhere, about as wide as they should be, and [0, 0] for a run against itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loralab.evaluate import statistics
from loralab.evaluate.statistics import (
    SMALLEST,
    Estimate,
    exact_mcnemar,
    paired_difference,
    weighted_mean,
)

numbers = st.lists(st.floats(-100, 100), min_size=SMALLEST, max_size=30)


def test_intervals_are_seeded_and_what_they_always_were() -> None:
    values = [0.1 * i * (-1) ** i for i in range(25)]
    np.random.seed(1)
    first = weighted_mean(values)
    np.random.seed(2)
    assert weighted_mean(values) == first
    assert (first.low, first.high) == (
        pytest.approx(-0.5081000000000001, abs=1e-12),
        pytest.approx(0.56, abs=1e-12),
    )


@given(numbers)
@settings(max_examples=40, deadline=None)
def test_the_value_is_the_mean_and_lies_between_least_and_greatest(values: list[float]) -> None:
    found = weighted_mean(values)
    assert found.value == pytest.approx(np.mean(values), abs=1e-9) and found.n == len(values)
    assert found.low is not None and found.high is not None
    assert min(values) - 1e-9 <= found.low <= found.high <= max(values) + 1e-9


@given(numbers)
@settings(max_examples=40, deadline=None)
def test_a_run_against_itself_differs_by_nothing(values: list[float]) -> None:
    assert paired_difference(values, values) == Estimate(0.0, len(values), 0.0, 0.0)
    assert not paired_difference(values, values).excludes_zero


def test_95_of_100_intervals_hold_the_true_mean() -> None:
    generator = np.random.default_rng(4)
    hits = 0
    for _ in range(400):
        found = weighted_mean(list(generator.normal(3.0, 2.0, 60)))
        assert found.low is not None and found.high is not None
        hits += found.low <= 3.0 <= found.high
    assert 0.91 < hits / 400 < 0.98


def test_weights_make_it_the_mean_over_tokens() -> None:
    found = weighted_mean([1.0, 2.0, 4.0], [10, 30, 60])
    assert found.value == pytest.approx((10 + 60 + 240) / 100)
    heavy = paired_difference([1.0, 1.0, 1.0], [2.0, 1.0, 1.0], [98, 1, 1])
    assert heavy.value == pytest.approx(0.98)


def test_pairing_sees_a_small_change_that_all_rows_share() -> None:
    generator = np.random.default_rng(5)
    before = generator.normal(0, 10, 50)
    after = before + 0.1 + generator.normal(0, 0.05, 50)
    assert paired_difference(list(before), list(after)).excludes_zero
    assert not paired_difference(list(before), list(after[::-1])).excludes_zero


@pytest.mark.parametrize("n", range(1, SMALLEST))
def test_few_rows_have_a_value_and_no_interval(n: int) -> None:
    """Two rows that both got better were called better: with so few it is chance as often as not."""
    assert weighted_mean([0.5] * n) == Estimate(0.5, n, None, None)
    assert not weighted_mean([0.5] * n).excludes_zero


@pytest.mark.parametrize(
    ("fixed", "broken", "p"),
    [(0, 0, 1.0), (5, 0, 0.0625), (6, 0, 0.03125), (10, 2, 0.03857421875), (4, 4, 1.0)],
)
def test_exact_mcnemar_is_the_binomial_test_of_the_changed_answers(fixed: int, broken: int, p: float) -> None:
    before = [0.0] * fixed + [1.0] * broken + [1.0, 0.0]
    after = [1.0] * fixed + [0.0] * broken + [1.0, 0.0]
    assert exact_mcnemar(before, after) == pytest.approx(p)
    assert exact_mcnemar(after, before) == pytest.approx(p)


@pytest.mark.parametrize(
    ("low", "high", "excludes"),
    [(0.1, 0.2, True), (-0.2, -0.1, True), (-0.1, 0.1, False), (0.0, 0.1, False), (-0.1, 0.0, False)],
)
def test_zero_on_the_border_is_not_excluded(low: float, high: float, excludes: bool) -> None:
    assert Estimate(0.0, 5, low, high).excludes_zero is excludes


def test_drawing_in_pieces_gives_the_same_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    values = list(np.random.default_rng(6).normal(0, 1, 40))
    whole = weighted_mean(values)
    monkeypatch.setattr(statistics, "CHUNK", 40 * 7)
    assert weighted_mean(values) == whole


def test_numbers_that_are_not_finite_give_no_verdict() -> None:
    found = paired_difference([1.0, 2.0], ["NaN", 1.0])  # type: ignore[list-item]
    assert np.isnan(found.value) and not found.excludes_zero
