"""The Pareto front, by its definition."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from loralab.report.front import pareto_front

NUMBERS = st.one_of(st.integers(0, 5).map(float), st.sampled_from([math.nan, math.inf]))
POINTS = st.lists(st.tuples(NUMBERS, NUMBERS), max_size=12)


@settings(max_examples=60)
@given(POINTS, st.booleans())
def test_the_front_is_what_nothing_beats(points: list[tuple[float, float]], lower: bool) -> None:
    front = pareto_front(points, lower)
    known = [p for p in points if all(map(math.isfinite, p))]

    def beaten(cost: float, score: float) -> bool:
        return any(
            c <= cost and (s <= score if lower else s >= score) and (c, s) != (cost, score) for c, s in known
        )

    for i, point in enumerate(points):
        finite = all(map(math.isfinite, point))
        assert (i in front) == (finite and not beaten(*point))
    assert [points[i][0] for i in front] == sorted(points[i][0] for i in front)
