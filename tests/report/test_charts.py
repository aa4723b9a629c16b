"""The drawing: decimation, gaps, ticks, axes."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loralab.report.charts import Axis, Chart, Line, decimate, draw, gaps, round_step, tick_text

numbers = st.floats(-1e6, 1e6) | st.just(math.nan)


@given(st.lists(numbers, min_size=1, max_size=400), st.integers(1, 20))
def test_decimation_keeps_ends_peaks_and_gaps(values: list[float], buckets: int) -> None:
    points = [(float(x), y) for x, y in enumerate(values)]
    kept = decimate(points, buckets)
    finite = [p for p in points if math.isfinite(p[1])]
    kept_finite = [p for p in kept if math.isfinite(p[1])]
    assert len(kept_finite) <= 4 * buckets
    assert [x for x, _ in kept] == sorted({x for x, _ in kept})
    assert [x for x, y in kept if not math.isfinite(y)] == [x for x, y in points if not math.isfinite(y)]
    if finite:
        assert (kept_finite[0], kept_finite[-1]) == (finite[0], finite[-1])
        assert min(y for _, y in kept_finite) == min(y for _, y in finite)
        assert max(y for _, y in kept_finite) == max(y for _, y in finite)


def test_gaps_are_stretches() -> None:
    nan, inf = math.nan, math.inf
    points = [(1.0, nan), (2.0, 1.0), (3.0, nan), (4.0, inf), (5.0, 2.0), (6.0, -inf)]
    assert gaps(points) == [(1.0, 1.0), (3.0, 4.0), (6.0, 6.0)]


@given(st.floats(1e-9, 1e9))
def test_a_round_step_is_the_next_of_one_two_five(rough: float) -> None:
    step = round_step(rough)
    assert rough * (1 - 1e-6) <= step <= rough * 2.5 * (1 + 1e-6)
    assert float(f"{step:.0e}"[0]) in (1, 2, 5)


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_ticks_lie_on_the_axis(low: float, length: float) -> None:
    axis = Axis(low, low + length, 0.0, 100.0)
    ticks = axis.ticks(5)
    assert 2 <= len(ticks) <= 6
    assert all(-0.1 <= axis.place(tick) <= 100.1 for tick in ticks)


def test_places_on_both_kinds_of_axis() -> None:
    assert Axis(0.0, 10.0, 100.0, 0.0).place(2.5) == 75.0
    log = Axis(1.0, 100.0, 0.0, 100.0, log=True)
    assert (log.place(10.0), log.place(0.0)) == (50.0, 0.0)
    assert log.ticks(5) == [1.0, 10.0, 100.0]


@pytest.mark.parametrize(
    ("ticks", "texts"),
    [
        ([0.0, 0.5, 1.0], ["0", "0.5", "1.0"]),
        ([0.0, 5e-5, 1e-4], ["0", "5e-5", "1e-4"]),
        ([0.0, 1000.0, 2000.0], ["0", "1,000", "2,000"]),
        ([1.15, 1.2, 1.25], ["1.15", "1.20", "1.25"]),
        ([2e6, 4e6], ["2e6", "4e6"]),
    ],
)
def test_ticks_are_told_apart(ticks: list[float], texts: list[str]) -> None:
    assert [tick_text(tick, ticks) for tick in ticks] == texts


def make_chart(points: list[tuple[float, float]], **fields: object) -> Chart:
    lines = [Line("a < b", "each", points, dots=True)]
    return Chart("k", "t <b>", "d & d", "step", "unit", lines, **fields)  # type: ignore[arg-type]


def test_a_lone_point_between_gaps_is_drawn() -> None:
    svg = draw(make_chart([(1.0, math.nan), (2.0, 5.0), (3.0, math.nan)]), 400, 200)
    path = re.search('class="line each" d="(.*?)"', svg)
    assert path and re.fullmatch(r"M[\d.]+ [\d.]+h0", path[1])


def test_everything_stays_inside_the_picture() -> None:
    svg = draw(make_chart([(float(x), math.sin(x) * 1e-9 + 3) for x in range(50)]), 400, 200)
    path = re.search('class="line each" d="(.*?)"', svg)
    assert path is not None
    places = [tuple(map(float, p)) for p in re.findall(r"[ML]([\d.]+) ([\d.]+)", path[1])]
    assert len(places) == 50
    assert all(0 <= x <= 400 and 0 <= y <= 200 for x, y in places)


def test_names_are_escaped() -> None:
    svg = draw(make_chart([(1.0, 1.0)], marks=[(1.0, "<i>")]), 400, 200)
    assert '<title id="k-400-t">t &lt;b&gt;</title>' in svg
    assert "d &amp; d" in svg and "a &lt; b" in svg and "&lt;i&gt;" in svg


def test_marks_are_thinned_when_they_are_many() -> None:
    svg = draw(
        make_chart([(0.0, 1.0), (100.0, 2.0)], marks=[(float(x), str(x)) for x in range(100)]), 400, 200
    )
    assert 8 <= svg.count('class="mark"') <= 16
