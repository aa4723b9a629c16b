"""Points in, one line chart out: SVG without colours of its own, whose classes the page's CSS paints.

A number that is not finite breaks the line and leaves a marked band; nothing is drawn in its place.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from loralab.report.series import gap_places, kept_places, values_of
from loralab.report.text import number, scientific
from loralab.safe_text import visible

Point = tuple[float, float]
LEFT, RIGHT, TOP, BOTTOM = 52.0, 20.0, 38.0, 36.0
MOST_DOTS = 80
MOST_MARKS = 16


@dataclass(frozen=True)
class Line:
    """One series: points by rising x, the CSS class that paints it, and whether each point gets a dot."""

    name: str
    style: str
    points: Sequence[Point]
    dots: bool = False


@dataclass(frozen=True)
class Chart:
    """Lines over one pair of axes, with vertical marks (x, label) and words for screen readers."""

    key: str  # makes ids unique in the page
    title: str
    description: str
    x_label: str
    y_label: str
    lines: Sequence[Line]
    marks: Sequence[tuple[float, str]] = ()
    from_zero: bool = False
    log: bool = False


@dataclass(frozen=True)
class Axis:
    """Values from `low` to `high` on pixels from `start` to `end`, linear or logarithmic."""

    low: float
    high: float
    start: float
    end: float
    log: bool = field(default=False)

    def place(self, value: float) -> float:
        """The pixel of a value; on a logarithmic axis what is below `low` lies at `low`."""
        low, high = self.low, self.high
        if self.log:
            value, low, high = math.log10(max(value, low)), math.log10(low), math.log10(high)
        return self.start + (value - low) / (high - low) * (self.end - self.start)

    def ticks(self, about: int) -> list[float]:
        """About so many round values on the axis; powers of ten on a logarithmic one."""
        if self.log:
            first, last = math.ceil(math.log10(self.low)), math.floor(math.log10(self.high))
            return [10.0**power for power in range(first, last + 1, max(1, (last - first) // about))]
        step = round_step((self.high - self.low) / about)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [index * step for index in range(first, last + 1)]


def round_step(rough: float) -> float:
    """The smallest of 1, 2 or 5 times a power of ten that is not below `rough`."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))


def value_axis(chart: Chart, height: float) -> Axis:
    """The y axis that holds every finite value of the chart, with a little air."""
    values = [y for line in chart.lines for _, y in line.points if math.isfinite(y)]
    bottom, top = height - BOTTOM, TOP
    if chart.log:
        positive = [y for y in values if y > 0]
        return Axis(min(positive) / 1.3, max(positive) * 1.3, bottom, top, log=True)
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    air = (high - low) * 0.05 or abs(high) * 0.1 or 1.0
    least = 0.0 if low >= 0 and (chart.from_zero or low < air) else low - air
    return Axis(least, high + air, bottom, top)


def step_axis(chart: Chart, width: float) -> Axis:
    """The x axis from the first to the last point of any line."""
    steps = [x for line in chart.lines for x, _ in line.points]
    low, high = (min(steps), max(steps)) if steps else (0.0, 1.0)
    return Axis(low, high if high > low else low + 1, LEFT, width - RIGHT)


def decimate(points: Sequence[Point], buckets: int) -> list[Point]:
    """At most four finite points of each bucket, so that no peak is lost, and all points that are not finite."""
    return [points[i] for i in kept_places(values_of([y for _, y in points]), buckets)]


def gaps(points: Sequence[Point]) -> list[tuple[float, float]]:
    """(first x, last x) of every stretch of points that are not finite."""
    return [(points[a][0], points[b][0]) for a, b in gap_places(values_of([y for _, y in points]))]


def draw(chart: Chart, width: int, height: int) -> Markup:
    """The chart as an <svg> element of this size."""
    x, y = step_axis(chart, width), value_axis(chart, height)
    body = [*_frame(chart, x, y), *_marks(chart, x, y)]
    for line in chart.lines:
        body += [*_line(line, x, y), *_dots(line, chart.x_label, x, y)]
    key = f"{chart.key}-{width}"
    return Markup(
        '<svg class="chart" viewBox="0 0 {width} {height}" role="img" aria-labelledby="{key}-t {key}-d">'
        '<title id="{key}-t">{title}</title><desc id="{key}-d">{desc}</desc>{body}</svg>'
    ).format(
        width=width, height=height, key=key, title=visible(chart.title), desc=visible(chart.description),
        body=Markup("").join(body),
    )  # fmt: skip


def _frame(chart: Chart, x: Axis, y: Axis) -> Iterator[Markup]:
    about = max(3, round((y.start - y.end) / 32))
    for tick in (ticks := y.ticks(about)):
        place = y.place(tick)
        yield _rule("grid", x.start, place, x.end, place)
        yield _text("tick", x.start - 7, place + 4, tick_text(tick, ticks), "end")
    for tick in (ticks := [t for t in x.ticks(max(3, round((x.end - x.start) / 65))) if t == round(t)]):
        place = x.place(tick)
        yield _rule("axis", place, y.start, place, y.start + 4)
        yield _text("tick", place, y.start + 17, tick_text(tick, ticks), "middle")
    yield _rule("axis", x.start, y.start, x.end, y.start)
    yield _text("label", 2, 13, chart.y_label, "start")
    yield _text("label", x.end, y.start + 32, chart.x_label, "end")


def _marks(chart: Chart, x: Axis, y: Axis) -> Iterator[Markup]:
    every = math.ceil(len(chart.marks) / MOST_MARKS) or 1
    for place, label in chart.marks[::every]:
        yield _rule("mark", x.place(place), y.start, x.place(place), y.end - 16)
        yield _text("marked", x.place(place) + 4, y.end - 7, label, "start")


def _line(line: Line, x: Axis, y: Axis) -> Iterator[Markup]:
    # Only what is measured has gaps; a mean over it would mark the same place twice.
    for first, last in gaps(line.points) if line.style != "mean" else ():
        start, end = max(x.start, x.place(first - 0.5)), min(x.end, x.place(last + 0.5))
        yield _band(start, max(2.0, end - start), y)
    kept = decimate(line.points, int(x.end - x.start) // 2)
    places = [(x.place(a), y.place(b) if math.isfinite(b) else b) for a, b in kept]
    yield Markup('<path class="line {}" d="{}"/>').format(line.style, _path(places))


def _dots(line: Line, x_label: str, x: Axis, y: Axis) -> Iterator[Markup]:
    dot = Markup('<circle class="dot {}" cx="{}" cy="{}" r="3.5"><title>{}</title></circle>')
    for a, b in line.points if line.dots and len(line.points) <= MOST_DOTS else ():
        if math.isfinite(b):
            hint = visible(f"{line.name}, {x_label} {number(int(a))}: {number(b)}")
            yield dot.format(line.style, _pixel(x.place(a)), _pixel(y.place(b)), hint)


def _path(points: Sequence[Point]) -> str:
    pieces, pen_down = [], False
    for x, y in points:
        if math.isfinite(y):
            # h0 makes a lone point visible: a line of no length with round ends
            pieces.append(f"L{_pixel(x)} {_pixel(y)}" if pen_down else f"M{_pixel(x)} {_pixel(y)}h0")
        pen_down = math.isfinite(y)
    return "".join(pieces)


def _band(start: float, width: float, y: Axis) -> Markup:
    band = Markup('<rect class="gap" x="{}" y="{}" width="{}" height="{}"/>')
    return band.format(_pixel(start), _pixel(y.end), _pixel(width), _pixel(y.start - y.end))


def _rule(style: str, x1: float, y1: float, x2: float, y2: float) -> Markup:
    return Markup('<path class="{}" d="M{} {}L{} {}"/>').format(style, *map(_pixel, (x1, y1, x2, y2)))


def _text(style: str, x: float, y: float, text: str, anchor: str) -> Markup:
    element = Markup('<text class="{}" x="{}" y="{}" text-anchor="{}">{}</text>')
    return element.format(style, _pixel(x), _pixel(y), anchor, visible(text))


def _pixel(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def tick_text(value: float, ticks: Sequence[float]) -> str:
    """A tick's label, with as many decimals as set it apart from its neighbours."""
    largest = max(map(abs, ticks))
    if not value:
        return "0"
    if largest < 1e-3 or largest >= 1e6:
        return scientific(value, 1)
    apart = min((b - a for a, b in itertools.pairwise(ticks)), default=1.0)
    return f"{value:,.{max(0, -math.floor(math.log10(apart) + 1e-9))}f}"
