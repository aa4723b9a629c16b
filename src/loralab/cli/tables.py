"""Scores in, the table at the end of a run out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loralab.cli.console import Console
from loralab.run.view import Run, stage_name
from loralab.safe_text import visible
from loralab.words import say

if TYPE_CHECKING:
    from rich.text import Text

WIDE = 200  # columns of a log file: no cell is broken over lines


def print_scores(run: Run, console: Console) -> None:
    """The score table (metrics by stages) and the verdict, on stderr."""
    if console.loudness < 0 or not run.stages:
        return
    from rich.table import Table

    from loralab.evaluate.verdict import verdict

    table = Table(title=None, box=None, pad_edge=False)
    table.add_column(say("metric").text(console.language))
    for stage in run.stages:
        table.add_column(plain(stage_name(stage).text(console.language)), justify="right")
    for task, metric in _metrics(run):
        cells = [
            format_entry(metric, run.scores(stage).get(task, {}).get(metric), task) for stage in run.stages
        ]
        table.add_row(plain(f"{task}/{metric}"), *map(plain, cells))
    print_table(table, console)
    for sentence in verdict(run):
        console.say(sentence)


def plain(text: str) -> Text:
    """Text of a run for a table: brackets in it are no markup, control characters are shown."""
    from rich.text import Text

    return Text(visible(text))


def print_table(table: Any, console: Console) -> None:
    """A rich table on stderr: as wide as the terminal, or in a log file as wide as it needs."""
    from rich.console import Console as RichConsole

    width = None if console.live else WIDE
    RichConsole(stderr=True, highlight=False, soft_wrap=True, width=width).print(table)


def _metrics(run: Run) -> list[tuple[str, str]]:
    found = {
        (task, metric): None
        for stage in run.stages
        for task, ms in run.scores(stage).items()
        for metric in ms
    }
    return list(found)


def format_entry(metric: str, entry: dict[str, Any] | None, task: str = "") -> str:
    """A value with its interval and n; a dash where there is none."""
    if not entry or not isinstance(entry.get("value"), (int, float)):
        return "-"
    from loralab.evaluate.units import is_share

    scale, unit, digits = (100, " %", 1) if is_share(task, metric) else (1, "", 3)
    text = f"{scale * entry['value']:.{digits}f}{unit}"
    if isinstance(entry.get("low"), (int, float)) and isinstance(entry.get("high"), (int, float)):
        text += f" [{scale * entry['low']:.{digits}f}, {scale * entry['high']:.{digits}f}]"
    return f"{text} n={entry.get('n')}"
