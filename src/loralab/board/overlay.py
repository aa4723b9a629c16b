"""Several runs in, their losses over each other out, for a browser to draw."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from loralab.board.curves import MOST_BUCKETS
from loralab.report.compare_curves import style_of
from loralab.report.series import (
    FEWEST_TO_SMOOTH,
    Values,
    gap_places,
    kept_places,
    mean_window,
    running_mean,
    values_of,
)
from loralab.run.numbers import to_float
from loralab.run.view import Run
from loralab.words import Words, say


def overlay(runs: Sequence[tuple[str, Run]], axis: str, language: str) -> dict[str, Any]:
    """{charts: [{key, title, unit, lines}], axis}, with a line for each run that has the numbers.

    Train loss is a running mean where a run has steps enough. By tokens trained on, by steps where a run has no
    token counts, or by epochs.
    """
    if axis == "tokens" and not all(_counts_tokens(run) for _, run in runs):
        axis = "step"
    train, held = [], []
    for place, (name, run) in enumerate(runs):
        x, y = _places(run, axis), values_of(run.record.values("loss"))
        mean = running_mean(y, mean_window(len(y))) if len(y) >= FEWEST_TO_SMOOTH else y
        train.append(_line(name, place, x, mean))
        marks = run.record.held_out()
        hx = _places_at([to_float(event.get("step")) for event in marks], run, x)
        held.append(_line(name, place, hx, values_of([to_float(event.get("loss")) for event in marks])))
    charts = [
        _chart("train", say("Train loss"), train, language),
        _chart("held", say("Held-out loss"), held, language),
    ]
    return {"charts": [chart for chart in charts if chart["lines"]], "axis": axis, "marks": []}


def _counts_tokens(run: Run) -> bool:
    return all(map(math.isfinite, run.record.values("tokens")))


def _places(run: Run, axis: str) -> Values:
    """Where each step lies on an axis (n,)."""
    if axis == "tokens":
        return np.cumsum(values_of(run.record.values("tokens")))
    return values_of(run.record.values("epoch" if axis == "epoch" else "step"))


def _places_at(steps: Sequence[float], run: Run, x: Values) -> Values:
    """Where the ends of some steps lie, 0 before the first; not a number for one that is not in the record."""
    places = {0.0: 0.0} | dict(zip(run.record.values("step"), x.tolist(), strict=True))
    return values_of([places.get(step, math.nan) for step in steps])


def _chart(key: str, title: Words, lines: list[dict[str, Any]], language: str) -> dict[str, Any]:
    drawn = [line for line in lines if line["x"]]
    return {
        "key": key,
        "title": title.text(language),
        "unit": say("nats per label token").text(language),
        "lines": drawn,
    }


def _line(name: str, place: int, x: Values, y: Values) -> dict[str, Any]:
    seen = np.isfinite(x)
    x, y = x[seen], y[seen]
    kept = kept_places(y, MOST_BUCKETS)
    shown = [value if math.isfinite(value) else None for value in y[kept].tolist()]
    gaps = [[float(x[a]), float(x[b])] for a, b in gap_places(y)]
    return {"name": name, "style": style_of(place), "x": x[kept].tolist(), "y": shown, "gaps": gaps}
