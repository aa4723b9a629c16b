"""A chart in, the same chart as lines of text out, for a terminal or a log file.

A line is drawn in dots of braille. Where there is a running mean, the line is the mean, and what was measured is
shaded from its lowest to its highest value in each column, so that no peak is lost. Single values, such as
held-out losses, are the letter o. A value that is not finite breaks the line: colons fill its column where
nothing else stands in it, and an x marks its place on the axis. Where only ASCII can be written, a line is
drawn in stars and the shade in dots.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from loralab.report.charts import Axis, Chart, Line, Point, decimate, gaps, step_axis, tick_text, value_axis
from loralab.report.curves import Course, gradient_figure, loss_figure
from loralab.report.text import number
from loralab.run.events import Record
from loralab.words import say

FEWEST_COLUMNS = 12  # of the plot itself: the first and the last step stand below it
MOST_GAPS = 3  # told in words; all are marked
BRAILLE = (
    (0x01, 0x08),
    (0x02, 0x10),
    (0x04, 0x20),
    (0x40, 0x80),
)  # the bit of each dot: rows of a cell, columns
HELD, LOST, GAP = "o", "x", ":"
Cell = tuple[int, int]  # column from the left, row from the top


@dataclass(frozen=True)
class Canvas:
    """Room for a chart: columns in all, rows of the plot itself, and whether only ASCII can be written."""

    columns: int
    rows: int
    ascii_only: bool = False

    @property
    def dots(self) -> tuple[int, int]:
        """How many dots a cell has, across and down."""
        return (1, 1) if self.ascii_only else (2, 4)

    @property
    def line(self) -> str:
        """What a line looks like in the legend."""
        return "*" if self.ascii_only else "⠒"

    @property
    def shade(self) -> str:
        """What fills a cell between the lowest and the highest value."""
        return "." if self.ascii_only else "░"


@dataclass(frozen=True)
class Plane:
    """The axes of a chart in dots of a canvas whose plot has so many columns."""

    x: Axis
    y: Axis
    canvas: Canvas
    columns: int

    def cell(self, dot: tuple[int, int]) -> Cell:
        """The cell in which a dot lies."""
        across, down = self.canvas.dots
        return dot[0] // across, dot[1] // down

    def dot(self, point: Point) -> tuple[int, int]:
        """The dot of a point."""
        return round(self.x.place(point[0])), round(self.y.place(point[1]))

    def column(self, step: float) -> int:
        """The column of a step."""
        return round(self.x.place(step)) // self.canvas.dots[0]


def text_charts(record: Record, language: str) -> list[Chart]:
    """The loss and the gradient norm so far; only those of which anything is recorded."""
    course = Course(record.steps(), record.held_out(), (), language)
    return [figure.chart for figure in (loss_figure(course), gradient_figure(course)) if figure is not None]


def draw_text(chart: Chart, canvas: Canvas, language: str = "en") -> list[str]:
    """The chart as lines no longer than the canvas is wide: title, legend, plot, axis, steps, what is missing."""
    values = replace(value_axis(chart, 0), start=canvas.dots[1] * canvas.rows - 1.0, end=0.0)
    labels = _value_labels(chart, values, canvas)
    gutter = max(map(len, labels.values()), default=0)
    columns = max(FEWEST_COLUMNS, canvas.columns - gutter - 1)
    steps = replace(step_axis(chart, 0), start=0.0, end=canvas.dots[0] * columns - 1.0)
    plane = Plane(steps, values, canvas, columns)
    cells, lost = _cells(chart, plane), _lost(chart, plane)
    title = say("{title} ({unit})", title=chart.title, unit=chart.y_label).text(language)
    rows = ("".join(cells.get((column, row), " ") for column in range(columns)) for row in range(canvas.rows))
    return [
        *_filled([*title.split(" ")], canvas.columns, " "),
        *_filled(_legend(chart, canvas), canvas.columns, "  "),
        *(f"{labels.get(row, ''):>{gutter}}|{text}".rstrip() for row, text in enumerate(rows)),
        " " * gutter + "+" + "".join(LOST if column in lost else "-" for column in range(columns)),
        " " * (gutter + 1) + _step_labels(chart, columns),
        *(
            line
            for text in _missing(chart, language)
            for line in _filled(text.split(" "), canvas.columns, " ")
        ),
    ]


def width(text: str) -> int:
    """The columns that a text takes in a terminal: two for a Chinese character."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _measured(chart: Chart) -> list[Line]:
    """The lines of the chart but for those that are computed from others."""
    return [line for line in chart.lines if line.style != "mean"]


def _is_shaded(line: Line, chart: Chart) -> bool:
    return line.style == "each" and any(other.style == "mean" for other in chart.lines)


def _cells(chart: Chart, plane: Plane) -> dict[Cell, str]:
    """The character of each cell in which anything is drawn; later lines lie over earlier ones."""
    cells: dict[Cell, str] = {}
    for line in chart.lines:
        if line.dots:
            cells |= {plane.cell(plane.dot(p)): HELD for p in line.points if math.isfinite(p[1])}
        elif _is_shaded(line, chart):
            cells |= dict.fromkeys(_spread(line.points, plane), plane.canvas.shade)
        else:
            cells |= _characters(_dots_of_line(line.points, plane), plane)
    filled = {column for column, _ in cells}
    empty = [column for column in _lost(chart, plane) if column not in filled]
    return cells | {(column, row): GAP for column in empty for row in range(plane.canvas.rows)}


def _spread(points: Sequence[Point], plane: Plane) -> Iterator[Cell]:
    """The cells from the lowest to the highest point of each column."""
    ends: dict[int, tuple[int, int]] = {}
    for point in decimate(points, plane.columns):
        if math.isfinite(point[1]):
            column, row = plane.cell(plane.dot(point))
            top, bottom = ends.get(column, (row, row))
            ends[column] = min(top, row), max(bottom, row)
    for column, (top, bottom) in ends.items():
        yield from ((column, row) for row in range(top, bottom + 1))


def _dots_of_line(points: Sequence[Point], plane: Plane) -> Iterator[tuple[int, int]]:
    """The dots of a line through the points; one that is not finite breaks it."""
    before: tuple[int, int] | None = None
    for point in decimate(points, plane.columns):
        here = plane.dot(point) if math.isfinite(point[1]) else None
        if here is not None:
            yield from _straight(before or here, here)
        before = here


def _straight(a: tuple[int, int], b: tuple[int, int]) -> Iterator[tuple[int, int]]:
    pieces = max(abs(b[0] - a[0]), abs(b[1] - a[1]), 1)
    for i in range(pieces + 1):
        yield round(a[0] + (b[0] - a[0]) * i / pieces), round(a[1] + (b[1] - a[1]) * i / pieces)


def _characters(dots: Iterable[tuple[int, int]], plane: Plane) -> dict[Cell, str]:
    """The character of each cell that has dots."""
    if plane.canvas.ascii_only:
        return {plane.cell(dot): plane.canvas.line for dot in dots}
    bits: dict[Cell, int] = {}
    for dot in dots:
        cell = plane.cell(dot)
        bits[cell] = bits.get(cell, 0) | BRAILLE[dot[1] % 4][dot[0] % 2]
    return {cell: chr(0x2800 + pattern) for cell, pattern in bits.items()}


def _lost(chart: Chart, plane: Plane) -> set[int]:
    """The columns that hold a value that is not finite."""
    return {plane.column(x) for line in _measured(chart) for x, y in line.points if not math.isfinite(y)}


def _value_labels(chart: Chart, axis: Axis, canvas: Canvas) -> Mapping[int, str]:
    """Round values by the row they belong to; none where no value is finite."""
    if not any(math.isfinite(y) for line in chart.lines for _, y in line.points):
        return {}
    about = max(2, canvas.rows // 2)
    while not axis.log and len(axis.ticks(about)) < 2:
        about += 1
    ticks = axis.ticks(about)
    return {round(axis.place(tick)) // canvas.dots[1]: f"{tick_text(tick, ticks)} " for tick in ticks}


def _step_labels(chart: Chart, columns: int) -> str:
    """The first step on the left, the last on the right, between them what they count if there is room."""
    steps = [x for line in chart.lines for x, _ in line.points]
    first, last = number(int(min(steps))), number(int(max(steps)))
    ends = (first, last) if first != last else (first, "")
    room = columns - len(ends[0]) - len(ends[1])
    name = chart.x_label if width(chart.x_label) <= room - 2 else ""
    left = (room - width(name)) // 2
    return (ends[0] + " " * left + name + " " * (room - width(name) - left) + ends[1]).rstrip()


def _legend(chart: Chart, canvas: Canvas) -> Iterator[str]:
    for line in chart.lines:
        sign = HELD if line.dots else canvas.shade if _is_shaded(line, chart) else canvas.line
        yield f"{sign} {line.name}"


def _missing(chart: Chart, language: str) -> Iterator[str]:
    """For each line with values that are not finite, at which steps."""
    for line in _measured(chart):
        spans = ["-".join(dict.fromkeys(number(int(x)) for x in gap)) for gap in gaps(line.points)]
        shown = ", ".join(spans[:MOST_GAPS]) + (", ..." if len(spans) > MOST_GAPS else "")
        count = sum(not math.isfinite(y) for _, y in line.points)
        if spans:
            yield say(
                "x {name}: no finite number at step {steps}; {n} in all",
                name=line.name, steps=shown, n=count,
            ).text(language)  # fmt: skip


def _filled(parts: Iterable[str], columns: int, between: str) -> list[str]:
    """The parts in as few lines as hold them, none of which is broken."""
    lines: list[str] = []
    for part in parts:
        if lines and width(lines[-1] + between + part) <= columns:
            lines[-1] += between + part
        else:
            lines.append(part)
    return lines
