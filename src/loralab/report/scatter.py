"""Recipes in, a chart of score against one cost out: SVG whose classes the page's CSS paints, with intervals and the front."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from loralab.report.charts import BOTTOM, LEFT, RIGHT, TOP, Axis, tick_text
from loralab.report.text import number
from loralab.safe_text import visible

WIDE, NARROW = (380, 280), (360, 270)
HALF_CAP = 4.0


@dataclass(frozen=True)
class Dot:
    """One recipe: its cost, its score with the interval around it, and the CSS class that paints it."""

    name: str
    style: str
    x: float
    y: float
    low: float | None
    high: float | None
    on_front: bool


@dataclass(frozen=True)
class Scatter:
    """Dots over one pair of axes; those on the front are joined."""

    key: str
    title: str
    x_label: str
    y_label: str
    dots: Sequence[Dot]
    log: bool = False


def draw_scatter(chart: Scatter, width: int, height: int) -> Markup:
    """The chart as an <svg> element of this size. Dots without a finite cost or score are not drawn."""
    dots = drawn(chart.dots)
    x, y = _x_axis(dots, chart.log, width), _y_axis(dots, height)
    body = [*_frame(chart, x, y), *_front(dots, x, y)]
    for dot in dots:
        body += _dot(dot, x, y)
    key = f"{chart.key}-{width}"
    described = " ".join(f"{dot.name}: {number(dot.x)}, {number(dot.y)}." for dot in dots)
    return Markup(
        '<svg class="chart" viewBox="0 0 {width} {height}" role="img" aria-labelledby="{key}-t {key}-d">'
        '<title id="{key}-t">{title}</title><desc id="{key}-d">{desc}</desc>{body}</svg>'
    ).format(
        width=width, height=height, key=key, title=visible(chart.title), desc=visible(described),
        body=Markup("").join(body),
    )  # fmt: skip


def drawn(dots: Sequence[Dot]) -> list[Dot]:
    """The dots that have a place."""
    return [dot for dot in dots if math.isfinite(dot.x) and math.isfinite(dot.y)]


def _x_axis(dots: Sequence[Dot], log: bool, width: float) -> Axis:
    """From 0, or on a logarithmic scale from below the least, to beyond the largest cost."""
    values = [dot.x for dot in dots] or [1.0]
    if log and min(values) > 0:
        return Axis(min(values) / 1.5, max(values) * 1.5, LEFT, width - RIGHT, log=True)
    return Axis(0.0, max(values) * 1.1 or 1.0, LEFT, width - RIGHT)


def _y_axis(dots: Sequence[Dot], height: float) -> Axis:
    """All scores with their intervals, and a little air."""
    values = [v for dot in dots for v in (dot.y, dot.low, dot.high) if v is not None and math.isfinite(v)]
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    air = (high - low) * 0.08 or abs(high) * 0.1 or 1.0
    return Axis(low - air, high + air, height - BOTTOM, TOP)


def _frame(chart: Scatter, x: Axis, y: Axis) -> Iterator[Markup]:
    ticks = y.ticks(max(3, round((y.start - y.end) / 32)))
    for tick in ticks:
        yield _path("grid", f"M{_pixel(x.start)} {_pixel(y.place(tick))}H{_pixel(x.end)}")
        yield _words("tick", x.start - 7, y.place(tick) + 4, tick_text(tick, ticks), "end")
    ticks = _log_ticks(x) if x.log else x.ticks(max(3, round((x.end - x.start) / 75)))
    for tick in ticks:
        yield _path("axis", f"M{_pixel(x.place(tick))} {_pixel(y.start)}v4")
        text = f"{tick:,g}" if x.log else tick_text(tick, ticks)
        yield _words("tick", x.place(tick), y.start + 17, text, "middle")
    yield _path("axis", f"M{_pixel(x.start)} {_pixel(y.start)}H{_pixel(x.end)}")
    yield _words("label", 2, 13, chart.y_label, "start")
    yield _words("label", x.end, y.start + 32, chart.x_label, "end")


def _log_ticks(x: Axis) -> list[float]:
    """1, 2 and 5 times each power of ten, or the powers alone where these are many."""
    powers = range(math.floor(math.log10(x.low)), math.ceil(math.log10(x.high)) + 1)
    factors = (1, 2, 5) if len(powers) <= 4 else (1,)
    found = [factor * 10.0**power for power in powers for factor in factors]
    return [tick for tick in found if x.low <= tick <= x.high]


def _front(dots: Sequence[Dot], x: Axis, y: Axis) -> Iterator[Markup]:
    """A line through the dots on the front: what the next better score costs."""
    places = [(x.place(dot.x), y.place(dot.y)) for dot in sorted(dots, key=lambda d: d.x) if dot.on_front]
    if len(places) > 1:
        yield _path("front", "M" + "L".join(f"{_pixel(a)} {_pixel(b)}" for a, b in places))


def _dot(dot: Dot, x: Axis, y: Axis) -> Iterator[Markup]:
    a, b = x.place(dot.x), y.place(dot.y)
    if dot.low is not None and dot.high is not None and math.isfinite(dot.low) and math.isfinite(dot.high):
        cap = f"h{_pixel(2 * HALF_CAP)}"
        low, high = _pixel(y.place(dot.low)), _pixel(y.place(dot.high))
        left = _pixel(a - HALF_CAP)
        yield _path(
            f"line {dot.style} bar", f"M{_pixel(a)} {low}V{high}M{left} {low}{cap}M{left} {high}{cap}"
        )
    style = f"dot {dot.style}" if dot.on_front else f"dot {dot.style} behind"
    circle = Markup('<circle class="{}" cx="{}" cy="{}" r="5"><title>{}</title></circle>')
    yield circle.format(style, _pixel(a), _pixel(b), visible(f"{dot.name}: {number(dot.x)}, {number(dot.y)}"))


def _path(style: str, d: str) -> Markup:
    return Markup('<path class="{}" d="{}"/>').format(style, d)


def _words(style: str, x: float, y: float, text: str, anchor: str) -> Markup:
    element = Markup('<text class="{}" x="{}" y="{}" text-anchor="{}">{}</text>')
    return element.format(style, _pixel(x), _pixel(y), anchor, visible(text))


def _pixel(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
