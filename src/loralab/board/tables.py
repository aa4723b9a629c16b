"""A run in, its numbers as files out: every step as CSV, a figure as SVG."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from importlib import resources

from loralab.report.curves import figures
from loralab.run.events import Record
from loralab.run.step_columns import FIELDS, TIME, StepColumns
from loralab.run.view import Run

ROWS_AT_ONCE = 1000
SVG = 'xmlns="http://www.w3.org/2000/svg"'


def steps_csv(record: Record) -> Iterator[str]:
    """Every step in force with all its digits; what an event lacks is empty, what is not finite is NaN or inf."""
    steps = record.kept_steps or StepColumns()
    names = [name for name in ("step", TIME, *FIELDS) if steps.has(name)]
    names = list(dict.fromkeys(names))
    yield ",".join(names) + "\r\n"
    for start in range(0, len(steps), ROWS_AT_ONCE):
        text = io.StringIO()
        csv.writer(text).writerows(
            [row.get(name) for name in names] for row in steps[start : start + ROWS_AT_ONCE]
        )
        yield text.getvalue()


def chart_svg(run: Run, key: str, language: str) -> str:
    """A figure of the report as a file of its own; empty if the run has no such figure."""
    found = next((figure for figure in figures(run, language) if figure.chart.key == key), None)
    if found is None:
        return ""
    style = resources.files("loralab.report").joinpath("page.css").read_text("utf-8")
    picture = str(found.wide if found.wide is not None else found.narrow)
    return picture.replace("<svg ", f"<svg {SVG} ", 1).replace(">", f"><style>{style}</style>", 1)
