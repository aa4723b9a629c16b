"""`loralab demo`: the whole line on the built-in model and data, and what its score is worth."""

from __future__ import annotations

import sys
from typing import Any

import click

from loralab import api
from loralab.cli.console import Console, common, pass_console
from loralab.cli.finish import final_line, telling_how_to_resume
from loralab.cli.signals import listening
from loralab.cli.tables import print_table
from loralab.cli.terminal import TerminalSink
from loralab.demo import ScoreLine, demo_config, demo_scores, facts
from loralab.evaluate.statistics import Estimate
from loralab.run.view import Run, stage_name
from loralab.words import say


@click.command()
@click.argument("overrides", nargs=-1, metavar="[section.key=value ...]")
@click.option("--model", metavar="NAME|FOLDER", help="A real model instead of the tiny built-in one.")
@click.option("--json", "as_json", is_flag=True, help="End with one JSON line: run, status, scores.")
@common
@pass_console
def demo(console: Console, overrides: tuple[str, ...], model: str | None, as_json: bool) -> None:
    """Train and evaluate on the built-in task: which law is this article from, and which department?"""
    config = demo_config(model, overrides)
    terminal = TerminalSink(console, config.train.log_every_steps)
    with listening(console) as stop, telling_how_to_resume(console, terminal):
        run = api.train(
            config, sinks=[terminal], stop=stop, command=["loralab", *sys.argv[1:]], language=console.language
        )
    _tell(run, console, built_in=model is None)
    if as_json:
        console.data(final_line(run))
    console.next(say("loralab show {path}", path=run.folder.path))


def _tell(run: Run, console: Console, built_in: bool) -> None:
    if lines := demo_scores(run):
        _table(lines, console)
        _headline(lines[0].difference, console)
    if built_in:
        _reference_figures(console)
    console.say(say("report: {path}", path=run.folder.report))


def _headline(headline: Estimate, console: Console) -> None:
    if headline.excludes_zero and headline.value > 0:
        verdict = say("better: the interval excludes 0")
    else:
        verdict = say("no improvement shown")
    console.say(
        say(
            "whole answer right, first to last stage: {change}: {verdict}",
            change=_show(headline, True),
            verdict=verdict,
        )
    )


def _table(lines: list[ScoreLine], console: Console) -> None:
    if console.loudness < 0:
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column(say("right answers").text(console.language))
    for stage in lines[0].stages:
        table.add_column(stage_name(stage).text(console.language), justify="right")
    for line in lines:
        table.add_row(line.metric, *(_show(e) for e in line.stages.values()))
    print_table(table, console)


def _show(estimate: Estimate, signed: bool = False) -> str:
    sign = "+" if signed else ""
    text = f"{100 * estimate.value:{sign}.1f} %"
    if estimate.low is None or estimate.high is None:
        return text
    return f"{text} [{100 * estimate.low:{sign}.1f}, {100 * estimate.high:{sign}.1f}] n={estimate.n}"


def _reference_figures(console: Console) -> None:
    """The floors, naive Bayes, the recorded seeds, and what all this proves."""
    known: dict[str, Any] = facts()
    floors, bayes = known["floors"], known["naive_bayes"]["trained_on_all_seen_articles"]
    console.say(
        say("for comparison: always the commonest law {law:.1%}, commonest department {department:.1%};"
            " a character-bigram naive Bayes finds the law in {bayes:.1%}",
            law=floors["law_always_commonest"], department=floors["department_always_commonest"],
            bayes=bayes["test_law"])
    )  # fmt: skip
    if "seeds" in known:
        seeds = known["seeds"]
        console.say(
            say("recorded over {n} seeds: whole answer {low:.1%} to {high:.1%}, mean {mean:.1%}",
                n=len(seeds["runs"]), low=seeds["low"], high=seeds["high"], mean=seeds["mean"])
        )  # fmt: skip
    console.say(say("{text}", text=known["proves"]["zh" if console.language == "zh" else "en"]))
