"""The record of a run so far in, a picture of it for a terminal that is redrawn out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from loralab.cli.charts import chart_lines
from loralab.cli.console import Console
from loralab.cli.watch_lines import held_out_words, scored_words, step_words
from loralab.report.facts import STATUS
from loralab.report.progress import Progress, progress, stage_in_progress
from loralab.report.text_curves import text_charts
from loralab.run.events import Event
from loralab.run.looks import Look
from loralab.run.view import stage_name
from loralab.words import Words, say

if TYPE_CHECKING:
    from rich.console import Console as RichConsole
    from rich.console import Group
    from rich.text import Text

MOST_SCORES = 6
ROWS_BESIDE = 9  # status, bar, step, held-out loss; title, legend, axis, steps; a row below
FEWEST_ROWS, MOST_ROWS = 4, 14
MOST_BAR = 60


def picture(look: Look, run_id: str, rich: RichConsole, console: Console) -> Group:
    """Status, progress, the curve of the losses and the scores of the last stage, within the terminal."""
    from rich.console import Group
    from rich.text import Text

    now, language = progress(look.record), console.language
    scores = _scores(look) if look.status == "running" else []  # the end has a table of them
    rows = min(MOST_ROWS, max(FEWEST_ROWS, rich.height - ROWS_BESIDE - len(scores)))
    charts = [chart for chart in text_charts(look.record, language) if chart.key == "loss"]
    lines = [Text(words.text(language)) for words in _numbers(look, now)]
    return Group(
        Text(_status(look, run_id).text(language), style="bold"),
        *([_bar(now, min(rich.width, MOST_BAR))] if now.total else []),
        *lines,
        *chart_lines(charts, [rows], rich.width, language),
        *(Text(words.text(language)) for words in scores),
    )


def _status(look: Look, run_id: str) -> Words:
    status = STATUS.get(look.status, say("waiting"))
    stage = stage_in_progress(look.record) if look.status == "running" else None
    if stage is None:
        return say("{run}: {status}", run=run_id, status=status)
    return say(
        "{run}: {status}, evaluating {stage}, {n} answers",
        run=run_id, status=status, stage=stage_name(stage[0]), n=stage[1],
    )  # fmt: skip


def _bar(now: Progress, columns: int) -> Text:
    """How much of the training is done, in signs that every terminal has."""
    from rich.text import Text

    done = (columns - 2) * min(now.step, now.total) // now.total
    return Text(f"[{'#' * done}{'-' * (columns - 2 - done)}]")


def _numbers(look: Look, now: Progress) -> Iterator[Words]:
    """The last step and the last held-out loss in words."""
    steps, held_out = look.record.steps(), look.record.held_out()
    if steps:
        yield step_words(steps[-1], now.total, now.seconds_left if look.status == "running" else float("nan"))
    if held_out:
        yield held_out_words(held_out[-1])


def _scores(look: Look) -> list[Words]:
    """The scores of the stage that was scored last; those beyond the first few are counted."""
    scored = look.record.of_kind("scored")
    last: list[Event] = [event for event in scored if event["stage"] == scored[-1]["stage"]]
    words = [scored_words(event) for event in last[:MOST_SCORES]]
    more = len(last) - MOST_SCORES
    return [*words, say("{n} more scores: loralab show", n=more)] if more > 0 else words
