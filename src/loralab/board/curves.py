"""The record of a run and a window of it in, the curves that a browser draws out: few points, and no peak lost."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from loralab.report.curves import epoch_starts
from loralab.report.series import (
    FEWEST_TO_SMOOTH,
    Values,
    gap_places,
    kept_places,
    mean_window,
    running_mean,
    values_of,
)
from loralab.run.events import Event, Record
from loralab.run.numbers import parse_time, to_float
from loralab.run.step_columns import TIME, StepColumns
from loralab.words import Words, say

AXES = ("step", "epoch", "time")
MOST_BUCKETS = 600  # a chart is about as many pixels wide as this has points, four for each
GIBIBYTE = float(1 << 30)


@dataclass(frozen=True)
class Window:
    """What is asked for: the x axis and the part of it that is seen, in how many pieces, with or without means."""

    axis: str = "step"
    low: float = -math.inf
    high: float = math.inf
    buckets: int = MOST_BUCKETS
    means: bool = True  # whether curves of many steps get a running mean


@dataclass(frozen=True)
class Kind:
    """A chart: its key in addresses, its title, the unit of y, and which fields of steps it shows."""

    key: str
    title: Words
    unit: Words
    field: str
    name: Words


KINDS = (
    Kind("loss", say("Loss"), say("nats per label token"), "loss", say("train loss")),
    Kind("gradient", say("Gradient norm"), say("before clipping"), "grad_norm", say("gradient norm")),
    Kind("rate", say("Learning rate"), say("as applied"), "learning_rate", say("learning rate")),
    Kind("speed", say("Speed"), say("tokens per second"), "speed", say("tokens per second")),
    Kind("memory", say("Peak memory"), say("GiB"), "peak_bytes", say("peak memory")),
)


def curves(record: Record, window: Window, language: str) -> dict[str, Any]:
    """{charts: [{key, title, unit, lines: [{name, style, x, y, gaps}]}], marks: [[x, words]], steps}.

    y is null where a number is not finite, and `gaps` are the stretches of x where that is so. Times are seconds
    since 1970.
    """
    steps, held_out = record.kept_steps or StepColumns(), record.held_out()
    x = places_of(steps, window.axis)
    charts = [_chart(kind, x, steps, held_out, window, language) for kind in KINDS]
    marks = [
        [_at(x, steps, place), say("epoch {number}", number=number).text(language)]
        for place, number in epoch_starts(_epoch_rows(steps))
    ]
    return {"charts": [chart for chart in charts if chart["lines"]], "marks": marks, "steps": len(steps)}


def first_look(steps: StepColumns, axis: str, language: str) -> dict[str, Any]:
    """The same of a few steps of a long run; where its epochs begin and what its means are is not known from these."""
    found = curves(Record((), kept_steps=steps), Window(axis, means=False), language)
    return found | {"marks": []}


def places_of(steps: StepColumns, axis: str) -> Values:
    """Where each step lies on an axis (n,)."""
    return steps.view(TIME if axis == "time" else axis)


def values_by_field(steps: StepColumns, field: str) -> Values:
    """A field of every step (n,), the derived ones too."""
    if field == "speed":
        tokens, seconds = steps.view("tokens"), steps.view("seconds")
        speed: Values = np.divide(tokens, seconds, out=np.full(len(seconds), np.nan), where=seconds > 0)
        return speed
    values = steps.view(field)
    return values / GIBIBYTE if field == "peak_bytes" else values


def _chart(
    kind: Kind, x: Values, steps: StepColumns, held_out: Sequence[Event], window: Window, language: str
) -> dict[str, Any]:
    lines = list(_step_lines(kind, x, steps, window, language))
    if kind.key == "loss" and held_out:
        hx = values_of([_place_of(event, window.axis) for event in held_out])
        hy = values_of([to_float(event.get("loss")) for event in held_out])
        lines.append(line_of(say("held-out loss").text(language), "held", hx, hy, window))
    return {
        "key": kind.key,
        "title": kind.title.text(language),
        "unit": kind.unit.text(language),
        "lines": lines,
    }


def _step_lines(
    kind: Kind, x: Values, steps: StepColumns, window: Window, language: str
) -> Iterator[dict[str, Any]]:
    needed = {"speed": "seconds"}.get(kind.field, kind.field)
    if not len(x) or not steps.has(needed):
        return
    y = values_by_field(steps, kind.field)
    smoothed = window.means and len(y) >= FEWEST_TO_SMOOTH and kind.key in ("loss", "gradient", "speed")
    yield line_of(kind.name.text(language), "each" if smoothed else "only", x, y, window)
    if smoothed:
        steps_of_mean = mean_window(len(y))
        mean = running_mean(y, steps_of_mean)
        yield line_of(
            say("mean of {steps} steps", steps=steps_of_mean).text(language), "mean", x, mean, window
        )


def line_of(name: str, style: str, x: Values, y: Values, window: Window) -> dict[str, Any]:
    """The part of a line that is seen, and a point beyond each end, so that it runs to the edge."""
    order = np.argsort(x, kind="stable")  # a clock may have been set back
    x, y = x[order], y[order]
    seen = np.isfinite(x)
    x, y = x[seen], y[seen]
    first = max(0, int(np.searchsorted(x, window.low)) - 1)
    end = int(np.searchsorted(x, window.high, "right")) + 1
    x, y = x[first:end], y[first:end]
    kept = kept_places(y, window.buckets)
    gaps = [] if style == "mean" else [[float(x[a]), float(x[b])] for a, b in gap_places(y)]
    shown = [value if math.isfinite(value) else None for value in y[kept].tolist()]
    return {"name": name, "style": style, "x": x[kept].tolist(), "y": shown, "gaps": gaps}


def _epoch_rows(steps: StepColumns) -> list[Event]:
    """The steps round which the epoch changes: the others say nothing of where one begins."""
    if not steps.has("epoch"):
        return []
    whole = np.ceil(np.nan_to_num(steps.view("epoch")) - 1e-9)
    changed = np.flatnonzero(np.diff(whole) > 0)
    return [steps[int(place)] for place in np.union1d(changed, changed + 1)]


def _at(x: Values, steps: StepColumns, place: float) -> float:
    """The x half way between the two steps round a place between them."""
    before = int(np.searchsorted(steps.view("step"), place)) - 1
    return float((x[before] + x[before + 1]) / 2)


def _place_of(event: Event, axis: str) -> float:
    if axis == "time":
        moment = parse_time(event.get("time"))
        return math.nan if moment is None else moment.timestamp()
    return to_float(event.get(axis))
