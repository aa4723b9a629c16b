"""A comparison in, its tables on the terminal out: scores, differences, cost, changed answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from loralab.cli.console import Console
from loralab.cli.tables import format_entry, plain, print_table
from loralab.evaluate.comparison import Comparison, Difference
from loralab.report.changed import Group, groups, score_text
from loralab.report.compare_page import findings, p_text, verdict_style
from loralab.report.run_cost import RunCost, cost_rows
from loralab.report.text import signed
from loralab.safe_text import visible
from loralab.words import Words, say

COLOURS = {"better": "green", "worse": "red", "other": "", "": ""}
MOST_CHANGES, LONGEST = 3, 60


def print_comparison(
    comparison: Comparison, labels: Sequence[str], costs: Sequence[RunCost], marks: Sequence[Words], console: Console
) -> None:  # fmt: skip
    """Everything, on stderr."""
    if console.loudness < 0:
        return
    _say_unlike(comparison, console)
    for words in (*comparison.marks, *marks):
        console.say(words)
    print_table(_scores(comparison, console.language), console)
    print_table(_differences(comparison, console.language), console)
    print_table(_costs(labels, costs, console.language), console)
    for group in groups(comparison.changes):
        _changed(group, console)
    _say_unlike(comparison, console)  # again, beside the verdict that it takes the ground from
    for sentence in findings(comparison):
        console.say(sentence)


def _say_unlike(comparison: Comparison, console: Console) -> None:
    if comparison.unlike:
        console.say(say("These runs are unlike: their numbers do not measure the same thing."))
    for found in comparison.unlike:
        console.say(say("{run}: {what}", run=found.run, what=found.words))


def _table(columns: Sequence[tuple[str, bool]]) -> Any:
    from rich.table import Table

    table = Table(title=None, box=None, pad_edge=False)
    for name, right in columns:
        table.add_column(plain(name), justify="right" if right else "left")
    return table


def _scores(comparison: Comparison, language: str) -> Any:
    heads = [f"{side.label} ({side.about.text(language)})" for side in comparison.sides]
    table = _table([(say("metric").text(language), False), *((head, True) for head in heads)])
    for row in comparison.rows:
        cells = [format_entry(row.metric, dict(cell) if cell else None, row.task) for cell in row.cells]
        table.add_row(plain(f"{row.task}/{row.metric}"), *map(plain, cells))
    return table


def _differences(comparison: Comparison, language: str) -> Any:
    heads = [
        say("metric"),
        say("run"),
        say("difference"),
        say("95 % interval"),
        say("p, adjusted"),
        say("verdict"),
    ]
    table = _table([(words.text(language), 1 < i < 5) for i, words in enumerate(heads)])
    for found in comparison.differences:
        table.add_row(*_cells(found, language), style=COLOURS[verdict_style(found)])
    return table


def _cells(found: Difference, language: str) -> list[Any]:
    estimate = found.estimate
    interval = "-" if estimate.low is None else f"[{signed(estimate.low)}, {signed(estimate.high)}]"
    verdict = found.verdict.text(language) + (f" ({found.reason.text(language)})" if found.reason else "")
    texts = [
        f"{found.task}/{found.metric}", found.run, signed(estimate.value), f"{interval} n={estimate.n}",
        "-" if found.p_adjusted is None else p_text(found.p_adjusted).removeprefix("= "), verdict,
    ]  # fmt: skip
    return [plain(text) for text in texts]


def _costs(labels: Sequence[str], costs: Sequence[RunCost], language: str) -> Any:
    table = _table([(say("cost").text(language), False), *((label, True) for label in labels)])
    for name, cells in cost_rows(costs, language):
        table.add_row(plain(name), *map(plain, cells))
    return table


def _changed(group: Group, console: Console) -> None:
    """How many answers changed in a direction, and the first of them."""
    count = len(group.shown) + group.left_out
    name = f"{group.task}/{group.metric}"
    kinds = {
        ("fixed", False): say("{run}, {name}: {n} questions fixed", run=group.run, name=name, n=count),
        ("broken", False): say("{run}, {name}: {n} questions broken", run=group.run, name=name, n=count),
        ("fixed", True): say("{run}, {name}: {n} answers better", run=group.run, name=name, n=count),
        ("broken", True): say("{run}, {name}: {n} answers worse", run=group.run, name=name, n=count),
    }
    console.say(kinds[group.kind, group.graded])
    for one in () if group.graded else group.shown[:MOST_CHANGES]:
        text = " ".join(visible(one.question.shown or one.change.id).split())[:LONGEST]
        scores = f"{score_text(one.change.before)} → {score_text(one.change.after)}"
        console.say(say("  {scores}  {question}", scores=scores, question=text))
