"""Charts in, their lines on the terminal out: as wide as it is, coloured, in ASCII where it carries nothing else."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from loralab.cli.console import NORMAL, Console
from loralab.report.charts import Chart
from loralab.report.text_curves import Canvas, draw_text, text_charts
from loralab.run.view import Run

if TYPE_CHECKING:
    from rich.text import Text

MOST_COLUMNS = 120  # a wider chart is not easier to read
ROWS = (10, 4)  # of the loss, of the gradient norm
COLOURS = ((re.compile("[⠀-⣿*]+"), "cyan"), (re.compile("[░.]+"), "bright_black"), (re.compile("o"), "bold yellow"), (re.compile(":+"), "red"))  # fmt: skip


def print_curves(run: Run, console: Console) -> None:
    """Loss and gradient norm of a run on stderr; nothing before the first step."""
    if console.loudness < NORMAL:
        return
    from rich.console import Console as RichConsole

    rich = RichConsole(stderr=True, highlight=False, soft_wrap=True)
    for line in chart_lines(text_charts(run.record, console.language), ROWS, rich.width, console.language):
        rich.print(line)


def chart_lines(charts: Sequence[Chart], rows: Sequence[int], columns: int, language: str) -> Iterator[Text]:
    """The lines of the charts, each with so many rows, in their colours."""
    ascii_only = is_ascii_only(sys.stderr.encoding)
    for chart, height in zip(charts, rows, strict=False):
        for line in draw_text(chart, Canvas(min(columns, MOST_COLUMNS), height, ascii_only), language):
            yield coloured(line)


def is_ascii_only(encoding: str | None) -> bool:
    """Whether a stream of this encoding cannot carry braille; one that has none carries any text."""
    try:
        "⠿░".encode(encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return True
    return False


def coloured(line: str) -> Text:
    """A line of a chart with colours for what is drawn right of its value axis."""
    from rich.text import Text

    text, (label, _, plot) = Text(line), line.partition("|")
    for pattern, style in COLOURS:
        for found in pattern.finditer(plot):
            start = len(label) + 1 + found.start()
            text.stylize(style, start, start + len(found[0]))
    return text
