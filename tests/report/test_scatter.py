"""Dots stand where their numbers are; what has no number is not drawn."""

from __future__ import annotations

import math
import re

import pytest

from loralab.report.scatter import Dot, Scatter, draw_scatter


def dot(x: float, y: float, low: float | None = None, high: float | None = None, front: bool = True) -> Dot:
    return Dot(f"<{x}>", "run0", x, y, low, high, front)


def drawn(*dots: Dot, log: bool = False) -> str:
    return str(draw_scatter(Scatter("k", "title", "x", "y", dots, log), 500, 330))


def centres(svg: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r'cx="([\d.]+)" cy="([\d.]+)"', svg)]


@pytest.mark.parametrize("log", [False, True])
def test_more_cost_is_further_right_and_more_score_higher(log: bool) -> None:
    svg = drawn(dot(1, 0.1), dot(10, 0.2), dot(100, 0.3), log=log)
    (x1, y1), (x2, y2), (x3, y3) = centres(svg)
    assert 0 < x1 < x2 < x3 < 500 and 330 > y1 > y2 > y3 > 0
    assert (abs((x2 - x1) - (x3 - x2)) < 0.2) == log, "steps of ten are equal on a logarithmic axis alone"


def test_intervals_are_within_the_chart_and_the_front_is_joined() -> None:
    svg = drawn(dot(1, 0.5, 0.1, 0.9), dot(2, 0.6, None, None), dot(3, 0.4, front=False))
    assert svg.count('class="line run0 bar"') == 1 and svg.count('class="front"') == 1
    assert svg.count(" behind") == 1
    (bar,) = re.findall(r'bar" d="M[\d.]+ ([\d.]+)V([\d.]+)', svg)
    assert all(0 < float(place) < 330 for place in bar)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_dot_without_a_number_is_not_drawn(bad: float) -> None:
    assert len(centres(drawn(dot(bad, 1.0), dot(1.0, bad), dot(1.0, 2.0)))) == 1
    assert centres(drawn(dot(bad, bad))) == []


def test_names_are_escaped() -> None:
    assert "<1>" not in drawn(dot(1, 1)) and "&lt;1&gt;" in drawn(dot(1, 1))
