"""`loralab score`: a prediction file in, its scores under a benchmark's rule out; no model is loaded."""

from __future__ import annotations

from pathlib import Path

import click

from loralab.cli.console import Console, common, pass_console
from loralab.cli.tables import format_entry
from loralab.evaluate.scoring import Missing, Result, score_file
from loralab.evaluate.statistics import SMALLEST
from loralab.evaluate.tasks.all import find_task
from loralab.words import say


@click.command()
@click.option("--task", "name", required=True, metavar="NAME", help="lawbench:3-1, disc:single, disc:multiple, lexeval:1_1, citation, choice, rouge_l, exact_match, general ...")  # fmt: skip
@click.option(
    "--predictions", required=True, type=click.Path(path_type=Path), metavar="FILE",
    help="Answers: loralab's JSON lines, LawBench JSON, DISC result CSV, LexEval JSON lines.",
)  # fmt: skip
@click.option(
    "--questions", type=click.Path(path_type=Path), metavar="FILE",
    help="The task's file, unless the predictions hold the references.",
)  # fmt: skip
@click.option(
    "--missing", type=click.Choice(["error", "wrong"]), default="error", show_default=True,
    help="What a question without prediction is.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document with the score of every row.")
@common
@pass_console
def score(
    console: Console, name: str, predictions: Path, questions: Path | None, missing: Missing, as_json: bool
) -> None:
    """Score a prediction file as a benchmark's official scorer does.

    Exit code 0: scored; 2: unknown task, or no references; 3: predictions and questions do not fit together.
    """
    result = score_file(find_task(name), predictions, questions, missing)
    if as_json:
        console.data(result.to_dict())
    else:
        console.line(*_cells(result))
    for warning in result.warnings:
        console.say(say("warning: {message}", message=warning))
    if 0 < result.n < SMALLEST:
        console.say(say("no interval from fewer than {n} rows", n=SMALLEST))
    console.next(
        say("score another stage's or model's predictions with the same task, to set them side by side")
    )


def _cells(result: Result) -> list[str]:
    """The cells of one line: the score with its interval, then what stands beside it."""
    entry = {"value": result.score, "low": result.low, "high": result.high, "n": result.n}
    cells = [result.task, f"{result.metric} {format_entry(result.metric, entry)}"]
    named = {"lenient": result.lenient, "floor": result.floor, "abstention": result.abstention} | dict(
        result.extra
    )
    cells += [f"{name} {value:.3f}" for name, value in named.items() if value is not None]
    return [*cells, *([f"missing {result.missing}"] if result.missing else [])]
