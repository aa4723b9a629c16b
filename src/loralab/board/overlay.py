"""Several runs in, their losses over each other out, for a browser to draw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from loralab.board.curves import Window, line_of
from loralab.report.charts import Point
from loralab.report.compare_curves import course, has_tokens, smoothed, style_of
from loralab.report.series import values_of
from loralab.run.view import Run
from loralab.words import Words, say

AXES = ("tokens", "step")


def overlay(runs: Sequence[tuple[str, Run]], axis: str, language: str) -> dict[str, Any]:
    """{charts: [{key, title, unit, lines}], marks, axis}, with a line for each run that has the numbers.

    Train loss is a running mean where a run has steps enough. By steps where they are asked for or where a run has
    no token counts, else by tokens trained on.
    """
    by_tokens = axis != "step" and all(has_tokens(run) for _, run in runs)
    found = [course(name, run, by_tokens) for name, run in runs]
    charts = [
        _chart("train", say("Train loss"), [(c.label, smoothed(c.train)) for c in found], language),
        _chart("held", say("Held-out loss"), [(c.label, c.held_out) for c in found], language),
    ]
    return {"charts": [c for c in charts if c["lines"]], "axis": AXES[not by_tokens], "marks": []}


def _chart(
    key: str, title: Words, found: Sequence[tuple[str, Sequence[Point]]], language: str
) -> dict[str, Any]:
    lines = [
        line_of(
            label,
            style_of(place),
            values_of([x for x, _ in points]),
            values_of([y for _, y in points]),
            Window(),
        )
        for place, (label, points) in enumerate(found)
        if points
    ]
    unit = say("nats per label token").text(language)
    return {"key": key, "title": title.text(language), "unit": unit, "lines": lines}
