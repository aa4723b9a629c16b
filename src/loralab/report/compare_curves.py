"""Runs in, their losses over each other out: one line a run, by tokens trained on."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from loralab.report.charts import Chart, Line, Point, draw
from loralab.report.curves import missing, smooth
from loralab.report.series import FEWEST_TO_SMOOTH, mean_window
from loralab.report.text import number
from loralab.run.numbers import to_float
from loralab.run.view import Run
from loralab.words import Words, say

WIDE, NARROW = (1040, 330), (360, 250)
NUM_COLOURS = 8


@dataclass(frozen=True)
class Overlay:
    """A chart in two sizes with its legend as (style, label), and what is missing from its lines."""

    title: str
    legend: Sequence[tuple[str, str]]
    notes: Sequence[str]
    wide: Markup
    narrow: Markup


@dataclass(frozen=True)
class Course:
    """A run's losses as (x, loss)."""

    label: str
    train: Sequence[Point]
    held_out: Sequence[Point]


def overlays(runs: Sequence[tuple[str, Run | None]], language: str) -> list[Overlay]:
    """The figures of train and held-out loss; each run once. By steps where a run has no token counts.

    None stands for what trained nothing: its number, and with it its colour, is taken all the same.
    """
    by_tokens = all(has_tokens(run) for _, run in runs if run)
    courses = [course(label, run, by_tokens) if run else Course(label, (), ()) for label, run in runs]
    x = say("tokens trained on") if by_tokens else say("optimizer step")
    made = [
        _overlay("train", say("Train loss"), x, [(c.label, c.train) for c in courses], language, dots=False),
        _overlay(
            "held", say("Held-out loss"), x, [(c.label, c.held_out) for c in courses], language, dots=True
        ),
    ]
    return [overlay for overlay in made if overlay]


def course(label: str, run: Run, by_tokens: bool) -> Course:
    """The losses of one run; x is the tokens trained on up to and with the step, or the step."""
    steps = run.record.steps()
    tokens = itertools.accumulate(to_float(event.get("tokens")) for event in steps)
    places = {0: 0.0} | {int(e["step"]): t for e, t in zip(steps, tokens, strict=True)}
    place = (lambda step: places.get(step, math.nan)) if by_tokens else float
    train, held = (
        [(place(int(e["step"])), to_float(e.get("loss"))) for e in events if e.get("loss") is not None]
        for events in (steps, run.record.held_out())
    )
    return Course(label, train, [(x, y) for x, y in held if math.isfinite(x)])


def style_of(index: int) -> str:
    """The CSS class of the run of this number."""
    return f"run{index % NUM_COLOURS}"


def has_tokens(run: Run) -> bool:
    """Whether every step says how many tokens it trained on."""
    return all(map(math.isfinite, run.record.values("tokens")))


def _overlay(
    key: str, title: Words, x: Words, found: Sequence[tuple[str, Sequence[Point]]], language: str, *, dots: bool
) -> Overlay | None:  # fmt: skip
    lines = [
        Line(label, style_of(i), points if dots else smoothed(points), dots)
        for i, (label, points) in enumerate(found)
        if points
    ]
    if not lines:
        return None
    name = title.text(language)
    chart = Chart(
        key=key, title=name, description=" ".join(_told(lines)), x_label=x.text(language),
        y_label=say("nats per label token").text(language), lines=lines,
    )  # fmt: skip
    notes = [f"{line.name}: {words}" for line in lines if (words := missing(line.points, language))]
    legend = [(line.style, line.name) for line in lines]
    return Overlay(name, legend, notes, draw(chart, *WIDE), draw(chart, *NARROW))


def smoothed(points: Sequence[Point]) -> Sequence[Point]:
    """A running mean where there are enough steps for one: many noisy lines hide each other."""
    if len(points) < FEWEST_TO_SMOOTH:
        return points
    return smooth(points, mean_window(len(points)))


def _told(lines: Sequence[Line]) -> Iterator[str]:
    """The first and last number of each line, for screen readers."""
    for line in lines:
        finite = [y for _, y in line.points if math.isfinite(y)]
        yield f"{line.name}: {number(finite[0])} → {number(finite[-1])}." if finite else f"{line.name}: –."
