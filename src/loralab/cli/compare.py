"""`loralab compare`: runs and folders of `loralab eval` in, their scores side by side with what chance could have made of them out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from loralab.cli.compare_tables import print_comparison
from loralab.cli.console import Console, common, pass_console
from loralab.errors import Problem, UsageError
from loralab.evaluate.comparison import compare as compare_sides
from loralab.evaluate.eval_record import is_evaluation, open_evaluation
from loralab.evaluate.side import Source, make_sides
from loralab.report.compare_document import document
from loralab.report.compare_page import distinct_sources, write_compare_page
from loralab.report.run_cost import different_hardware, side_cost
from loralab.run.view import open_run
from loralab.safe_text import command_line
from loralab.words import say

DEFAULT_STAGE = "after"


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN [RUN...]", type=click.Path())
@click.option("--stage", default=None, help="Stage to compare in every run; after by default.")
@click.option(
    "--stages", metavar="A,B", default=None, help="Stages of one run to compare, such as before,after."
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document: tasks, differences, fixed, broken."
)
@click.option(
    "--html", type=click.Path(path_type=Path, dir_okay=False), default=None, help="Write a page to FILE."
)
@click.option("--anyway", is_flag=True, help="Compare unlike runs too, marked as such.")
@common
@pass_console
def compare(
    console: Console, runs: tuple[str, ...], stage: str | None, stages: str | None, as_json: bool,
    html: Path | None, anyway: bool,
) -> None:  # fmt: skip
    """Compare runs with the first one: scores, differences with intervals, cost, changed answers.

    RUN:STAGE names a stage of its own, as in runs/0001-law:before. A folder that loralab eval wrote with --out
    may stand where a run does.
    """
    comparison = compare_sides(make_sides(_chosen(runs, stage, stages)), anyway)
    distinct = distinct_sources(comparison.sides)
    costs = [side_cost(side) for _, side in distinct]
    marks = tuple(different_hardware([label for label, _ in distinct], costs))
    if as_json:
        console.data(document(comparison, marks))
    else:
        print_comparison(comparison, [label for label, _ in distinct], costs, marks, console)
    if html:
        path = write_compare_page(comparison, html, console.language)
        console.say(say("page: {path}", path=path)) if as_json else console.line(path)
        console.next(say("open it in a browser, or send it as it is"))
    else:
        console.next(say("loralab compare {runs} --html compare.html", runs=command_line(*map(Path, runs))))


def _chosen(runs: Sequence[str], stage: str | None, stages: str | None) -> list[tuple[Source, str]]:
    """(run, stage) of each side. Raises UsageError where they are not two or more."""
    if stage and stages:
        raise UsageError(Problem(say("--stage and --stages do not go together"), "--stages"))
    if stages:
        names = [name.strip() for name in stages.split(",") if name.strip()]
        if len(runs) != 1 or len(names) < 2:
            raise UsageError(
                Problem(say("compares two or more stages of one run"), "--stages",
                        next=say("loralab compare {run} --stages before,after", run=Path(runs[0])))
            )  # fmt: skip
        if is_evaluation(Path(runs[0])):
            raise UsageError(_no_stages(runs[0]))
        run = open_run(runs[0])
        return [(run, name) for name in names]
    if len(runs) < 2:
        raise UsageError(
            Problem(say("a comparison needs two runs, or two stages of one"), runs[0],
                    next=say("loralab compare {run} --stages before,after", run=Path(runs[0])))
        )  # fmt: skip
    return [_named(text, stage) for text in runs]


def _named(text: str, stage: str | None) -> tuple[Source, str]:
    """A run with its stage, or an evaluation; a colon splits them unless it belongs to a path that exists."""
    if is_evaluation(Path(text)):
        return open_evaluation(Path(text)), ""
    path, colon, own = text.rpartition(":")
    if colon and not Path(text).exists() and Path(path).exists():
        if is_evaluation(Path(path)):
            raise UsageError(_no_stages(path))
        return open_run(path), own
    return open_run(text), stage or DEFAULT_STAGE


def _no_stages(path: str) -> Problem:
    return Problem(
        say("is an evaluation, which has no stages"),
        path,
        next=say("name its folder alone, beside another one"),
    )
