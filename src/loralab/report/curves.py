"""The step and held-out events in, the figures of the page out: loss, gradient norm, learning rate, speed."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from markupsafe import Markup

from loralab.report.charts import Chart, Line, Point, draw, gaps
from loralab.report.series import FEWEST_TO_SMOOTH, mean_window, running_mean, values_of
from loralab.report.text import number
from loralab.run.events import Event
from loralab.run.numbers import to_float
from loralab.run.view import Run
from loralab.words import Words, say

WIDE, NARROW = (1040, 330), (360, 230)
FAR_ABOVE = 50.0  # times the median: from here on a linear axis shows only the peak
Value = Callable[[Event], float]


@dataclass(frozen=True)
class Summary:
    """A series in a few numbers: (label, value), and what is missing from it."""

    name: str
    numbers: Sequence[tuple[str, float]]
    missing: str

    def __str__(self) -> str:
        told = [f"{label} {number(value)}" for label, value in self.numbers]
        return f"{self.name}: {'; '.join(told + [self.missing] * bool(self.missing))}."


@dataclass(frozen=True)
class Figure:
    """A chart, its legend as (style, name), and its numbers in words; drawn in the sizes in which it is asked for."""

    title: str
    legend: Sequence[tuple[str, str]]
    summary: Sequence[Summary]
    chart: Chart
    has_wide: bool

    @cached_property
    def wide(self) -> Markup | None:
        """For a large screen, where the chart has a row of its own; None if it has none."""
        return draw(self.chart, *WIDE) if self.has_wide else None

    @cached_property
    def narrow(self) -> Markup:
        """For a small screen, or beside others."""
        return draw(self.chart, *NARROW)


@dataclass(frozen=True)
class Course:
    """What the figures are made of: the events in force, the epoch marks, the reader's language."""

    steps: Sequence[Event]
    held_out: Sequence[Event]
    marks: Sequence[tuple[float, str]]
    language: str


@dataclass
class Drawn:
    """The lines of a figure, and its numbers in words."""

    lines: list[Line] = field(default_factory=list)
    said: list[Summary] = field(default_factory=list)


def figures(run: Run, language: str) -> list[Figure]:
    """The figures for which the run has a number or a failure to give one; none before the first step."""
    steps = run.record.steps()
    marks = [(place, say("epoch {number}", number=n).text(language)) for place, n in epoch_starts(steps)]
    course = Course(steps, run.record.held_out(), marks, language)
    made = [make(course) for make in (loss_figure, gradient_figure, rate_figure, speed_figure)]
    return [figure for figure in made if figure is not None]


def field_of(name: str) -> Value:
    """A reader of one field of an event."""
    return lambda event: to_float(event.get(name))


def tokens_per_second(event: Event) -> float:
    """The speed of one step."""
    seconds = to_float(event.get("seconds"))
    return to_float(event.get("tokens")) / seconds if seconds > 0 else math.nan


def points(events: Sequence[Event], value: Value, name: str) -> list[Point]:
    """(step, value) of the events that have the field at all."""
    return [(float(e["step"]), value(e)) for e in events if e.get(name) is not None]


def epoch_starts(steps: Sequence[Event]) -> list[tuple[float, int]]:
    """(place between two steps, number) of the second and every later epoch.

    `epoch` may be the epoch's index or the passes made so far (0.5, 1.0, 1.5): a pass ends at a whole number.
    """
    found: list[tuple[float, int]] = []
    whole = [math.ceil(to_float(e.get("epoch")) - 1e-9) if "epoch" in e else 0 for e in steps]
    for before, after, event in zip(whole, whole[1:], steps[1:], strict=False):
        if after > before:
            found.append((event["step"] - 0.5, len(found) + 2))
    return found


def smooth(values: Sequence[Point], window: int) -> list[Point]:
    """The mean of the finite values in a window round each point; a point that is not finite stays so."""
    means = running_mean(values_of([y for _, y in values]), window)
    return [(x, float(mean)) for (x, _), mean in zip(values, means, strict=True)]


def add_measured(drawn: Drawn, name: Words, values: Sequence[Point], language: str) -> None:
    """Add the line of every step, and its running mean where there are enough steps for one."""
    drawn.lines.append(Line(name.text(language), "each", values))
    if len(values) >= FEWEST_TO_SMOOTH:
        window = mean_window(len(values))
        mean = say("mean of {steps} steps", steps=window).text(language)
        drawn.lines.append(Line(mean, "mean", smooth(values, window)))
    drawn.said.append(summary(name, values, language))


def summary(name: Words, values: Sequence[Point], language: str) -> Summary:
    """The numbers of a series that a reader asks for, and the steps without a number."""
    finite = [(x, y) for x, y in values if math.isfinite(y)]
    numbers: list[tuple[Words, float]] = []
    if finite:
        low, high = min(finite, key=_height), max(finite, key=_height)
        numbers = [
            (say("first"), finite[0][1]),
            (say("last"), finite[-1][1]),
            (say("lowest, step {step}", step=number(int(low[0]))), low[1]),
            (say("highest, step {step}", step=number(int(high[0]))), high[1]),
        ]
    told = tuple((label.text(language), value) for label, value in numbers)
    return Summary(name.text(language), told, missing(values, language))


def missing(values: Sequence[Point], language: str) -> str:
    """Which steps have no finite number; nothing if all have one."""
    spans = ["–".join(dict.fromkeys(number(int(x)) for x in gap)) for gap in gaps(values)]
    shown = ", ".join(spans[:5]) + (", …" if len(spans) > 5 else "")
    return say("no finite number at step {steps} (shaded)", steps=shown).text(language) if spans else ""


def _height(point: Point) -> float:
    return point[1]


def loss_figure(course: Course) -> Figure | None:
    """Train loss of every step, its mean, and the held-out loss over it."""
    drawn, language = Drawn(), course.language
    if train := points(course.steps, field_of("loss"), "loss"):
        add_measured(drawn, say("train loss"), train, language)
    if held := points(course.held_out, field_of("loss"), "loss"):
        drawn.lines.append(Line(say("held-out loss").text(language), "held", held, dots=True))
        drawn.said.append(summary(say("held-out loss"), held, language))
    return finish(course, drawn, say("Loss"), say("nats per label token"), key="loss", wide=True)


def gradient_figure(course: Course) -> Figure | None:
    """The gradient norm, on a logarithmic axis where a few steps stand far above the others."""
    drawn = Drawn()
    if values := points(course.steps, field_of("grad_norm"), "grad_norm"):
        add_measured(drawn, say("gradient norm"), values, course.language)
    positive = [y for _, y in values if math.isfinite(y) and y > 0]
    log = bool(positive) and max(positive) > FAR_ABOVE * statistics.median(positive)
    unit = say("before clipping, logarithmic") if log else say("before clipping")
    return finish(course, drawn, say("Gradient norm"), unit, key="gradient", log=log)


def rate_figure(course: Course) -> Figure | None:
    """The learning rate as applied."""
    drawn, name = Drawn(), say("learning rate")
    if values := points(course.steps, field_of("learning_rate"), "learning_rate"):
        drawn.lines.append(Line(name.text(course.language), "only", values))
        drawn.said.append(summary(name, values, course.language))
    return finish(course, drawn, say("Learning rate"), say("as applied"), key="rate", from_zero=True)


def speed_figure(course: Course) -> Figure | None:
    """Tokens per second of every step."""
    drawn, name = Drawn(), say("tokens per second")
    if values := points(course.steps, tokens_per_second, "seconds"):
        add_measured(drawn, name, values, course.language)
    return finish(course, drawn, say("Speed"), name, key="speed", from_zero=True)


def finish(
    course: Course, drawn: Drawn, title: Words, unit: Words, *, key: str,
    wide: bool = False, from_zero: bool = False, log: bool = False,
) -> Figure | None:  # fmt: skip
    """The figure of what is drawn; None if that is nothing."""
    if not drawn.lines:
        return None
    language = course.language
    chart = Chart(
        key=key, title=title.text(language), description=" ".join(map(str, drawn.said)),
        x_label=say("optimizer step").text(language), y_label=unit.text(language),
        lines=drawn.lines, marks=course.marks, from_zero=from_zero, log=log,
    )  # fmt: skip
    legend = [(line.style, line.name) for line in drawn.lines]
    return Figure(chart.title, legend, drawn.said, chart, wide)
