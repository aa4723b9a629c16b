"""Intervals: the same everywhere, about as wide as they should be, and [0, 0] for a run against itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loralab.evaluate import statistics
from loralab.evaluate.statistics import (
    SMALLEST,
    Estimate,
    are_right_or_wrong,
    exact_mcnemar,
    holm,
    paired_difference,
    randomisation_p,
    weighted_mean,
)

numbers = st.lists(st.floats(-100, 100), min_size=SMALLEST, max_size=30)


def test_intervals_are_seeded_and_what_they_always_were() -> None:
    values = [0.1 * i * (-1) ** i for i in range(25)]
    np.random.seed(1)
    first = weighted_mean(values)
    np.random.seed(2)
    assert weighted_mean(values) == first
    assert (first.low, first.high) == (pytest.approx(-0.532, abs=1e-12), pytest.approx(0.6, abs=1e-12))


@given(numbers)
@settings(max_examples=40, deadline=None)
def test_the_value_is_the_mean_and_lies_between_least_and_greatest(values: list[float]) -> None:
    found = weighted_mean(values)
    assert found.value == pytest.approx(np.mean(values), abs=1e-9) and found.n == len(values)
    assert found.low is not None and found.high is not None
    low, high = (0.0, 1.0) if are_right_or_wrong(values) else (min(values), max(values))
    assert low - 1e-9 <= found.low <= found.high <= high + 1e-9


@given(numbers)
@settings(max_examples=40, deadline=None)
def test_a_run_against_itself_differs_by_nothing(values: list[float]) -> None:
    assert paired_difference(values, values) == Estimate(0.0, len(values), 0.0, 0.0)
    assert not paired_difference(values, values).excludes_zero


TRIALS, CHEAP = 300, 400
ALLOWED = 2 * (0.95 * 0.05 / TRIALS) ** 0.5  # two standard errors of the simulation itself


def rows_of(kind: str, draw: np.random.Generator, n: int) -> tuple[Estimate, float]:
    """An interval from n rows of a kind, and the true value that it should hold."""
    if kind == "mean":
        return weighted_mean(list(draw.lognormal(0.0, 0.5, n))), float(np.exp(0.125))
    if kind == "weighted mean":
        u = draw.uniform(0, 1, n)
        values, weights = 2 - u + draw.normal(0, 0.4, n), 20 + 180 * u
        return weighted_mean(list(values), list(weights)), 150 / 110
    if kind == "paired difference":
        before = draw.beta(0.5, 1.5, n)
        return paired_difference(list(before), list(before + draw.normal(0.02, 0.1, n))), 0.02
    return weighted_mean(list((draw.uniform(0, 1, n) < 0.1).astype(float))), 0.1


@pytest.mark.parametrize("n", [20, 100, 500])
@pytest.mark.parametrize("kind", ["mean", "weighted mean", "paired difference", "proportion"])
def test_95_of_100_intervals_hold_the_true_value(kind: str, n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "RESAMPLES", CHEAP)
    draw = np.random.Generator(np.random.PCG64([11, n]))
    held = 0
    for _ in range(TRIALS):
        found, true = rows_of(kind, draw, n)
        assert found.low is not None and found.high is not None
        held += found.low <= true <= found.high
    fewest = 0.93 if n >= 100 else 0.91  # 20 skewed rows tell little of their tail
    assert fewest - ALLOWED <= held / TRIALS <= 0.97 + ALLOWED


@pytest.mark.parametrize("n", [6, 20, 500])
def test_none_of_n_right_is_not_said_to_be_nothing_for_certain(n: int) -> None:
    """The bootstrap of answers that are all wrong gave [0, 0]."""
    none, all_right = weighted_mean([0.0] * n), weighted_mean([1.0] * n)
    assert none.low == 0.0 and none.high is not None and none.high > 1 / n
    assert all_right.high == 1.0 and all_right.low == pytest.approx(1 - none.high)


def test_wilson_is_the_published_interval() -> None:
    """Newcombe 1998, table I: 81 of 263 and 15 of 148."""
    found = [weighted_mean([1.0] * right + [0.0] * (n - right)) for right, n in ((81, 263), (15, 148))]
    bounds = [(e.low, e.high) for e in found]
    assert bounds == [pytest.approx((0.2553, 0.3662), abs=1e-4), pytest.approx((0.0624, 0.1605), abs=1e-4)]


def test_small_n_is_widened_as_students_t_is() -> None:
    students = [2.570582, 2.262157, 2.093024, 1.984217]
    ours = [statistics._student(n - 1) for n in (6, 10, 20, 100)]
    assert ours == [pytest.approx(t, rel=2e-3) for t in students]


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


def test_infinite_rows_give_no_interval_and_no_warning() -> None:
    found = paired_difference([float("inf")] * 8, [float("inf")] * 7 + [1.0])
    assert np.isnan(found.value) and not found.excludes_zero
    one = paired_difference([1.0] * 8, [0.5] * 7 + [float("inf")])
    assert np.isinf(one.value) and not one.excludes_zero
    assert randomisation_p([float("inf")] * 8, [float("inf")] * 7 + [1.0]) == 1.0


def test_rounding_does_not_lift_an_interval_off_zero() -> None:
    """0.1 + 0.2 - 0.3 is 5e-17: a bound that is 0 on paper was above it."""
    assert paired_difference([0.3] * 9, [0.1 + 0.2] * 9) == Estimate(0.0, 9, 0.0, 0.0)
    mixed = paired_difference([0.3, 0.3, 0.3, 1.0, 0.0, 0.5, 0.5], [0.1 + 0.2] * 3 + [1.0, 0.0, 0.5, 1.0])
    assert mixed.low == 0.0 and not mixed.excludes_zero


right_and_wrong = st.lists(st.tuples(st.sampled_from([0.0, 1.0]), st.sampled_from([0.0, 1.0])), max_size=40)
scores = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=10)


@given(right_and_wrong)
@settings(max_examples=60, deadline=None)
def test_of_right_and_wrong_answers_the_randomisation_test_is_mcnemars(
    pairs: list[tuple[float, float]],
) -> None:
    before, after = [b for b, _ in pairs], [a for _, a in pairs]
    changed = sum(b != a for b, a in pairs)
    tolerance = 1e-12 if changed <= statistics.ALL_FLIPS else 0.03
    assert randomisation_p(before, after) == pytest.approx(exact_mcnemar(before, after), abs=tolerance)


@given(scores)
@settings(max_examples=40, deadline=None)
def test_p_is_the_same_both_ways_and_for_any_unit(pairs: list[tuple[float, float]]) -> None:
    before, after = [b for b, _ in pairs], [a for _, a in pairs]
    p = randomisation_p(before, after)
    assert 0 < p <= 1
    assert randomisation_p(after, before) == p
    assert randomisation_p([8 * b for b in before], [8 * a for a in after]) == p
    assert randomisation_p(before, before) == 1.0


def test_drawn_signs_come_near_to_all_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(8)
    before = list(draw.normal(0, 1, 12))
    after = [b + 0.4 + float(draw.normal(0, 0.6)) for b in before]
    exact = randomisation_p(before, after)
    monkeypatch.setattr(statistics, "ALL_FLIPS", 0)
    assert randomisation_p(before, after) == pytest.approx(exact, abs=0.008)
    assert randomisation_p(before, after) == randomisation_p(before, after)


def test_p_of_equal_runs_is_below_5_percent_in_5_of_100() -> None:
    draw = np.random.default_rng(9)
    ps = [
        randomisation_p(list(draw.normal(0, 1, 30)), list(draw.normal(0, 1, 30)), flips=400)
        for _ in range(400)
    ]
    assert 0.02 < np.mean(np.array(ps) < 0.05) < 0.08


ps_lists = st.lists(st.floats(0, 1), min_size=1, max_size=12)


@given(ps_lists, st.randoms())
@settings(deadline=None)
def test_holm_only_raises_keeps_the_order_and_does_not_depend_on_it(ps: list[float], chance: Any) -> None:
    adjusted = holm(ps)
    assert all(p <= a <= 1 for p, a in zip(ps, adjusted, strict=True))
    assert min(adjusted) == pytest.approx(min(1.0, len(ps) * min(ps)))
    assert [a for _, a in sorted(zip(ps, adjusted, strict=True))] == sorted(adjusted)
    order = list(range(len(ps)))
    chance.shuffle(order)
    assert holm([ps[i] for i in order]) == [adjusted[i] for i in order]


def test_holm_is_the_published_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == [] and holm([0.04]) == [0.04]


def test_a_few_rows_of_no_weight_change_nothing_but_n() -> None:
    heavy, light = [1.0] * 30, [0.0] * 2
    found = paired_difference([0.0] * 32, [float(i % 3) for i in range(32)], [*heavy, *light])
    assert found.value == pytest.approx(np.mean([i % 3 for i in range(30)])) and found.excludes_zero
