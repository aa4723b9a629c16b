"""`loralab study`: a study file in, a run folder for each cell and one report over all of them out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import click

from loralab.cli.console import QUIET, Console, common, pass_console
from loralab.cli.signals import listening
from loralab.cli.study_words import tell_forecast, tell_summary
from loralab.errors import EXIT_FAILED, ComparisonRefused, Interrupted, Problem, UsageError
from loralab.study.begin import begin
from loralab.study.elsewhere import Engine, run_elsewhere
from loralab.study.folder import Standing, StudyFolder
from loralab.study.forecast import forecast_cells
from loralab.study.local import run_study
from loralab.study.next_cells import Cells
from loralab.study.page import write_study
from loralab.study.plan import Plan, load_study
from loralab.study.summary import document, summarise
from loralab.train.stop import StopRequest
from loralab.words import say

Where = Literal["local", "slurm", "ray"]


@click.command()
@click.argument("words", nargs=-1, required=True, metavar="STUDY.yaml | status DIR | report DIR")
@click.option("--dry-run", is_flag=True, help="Say what each cell will need, and train nothing.")
@click.option("--calibrate", is_flag=True, help="With --dry-run: load the models and take three steps, to forecast the time.")  # fmt: skip
@click.option(
    "--on", "where", type=click.Choice(["local", "slurm", "ray"]), default="local",
    help="Where cells are trained: one after another here, as Slurm jobs, or as tasks of the cluster that RAY_ADDRESS names.",
)  # fmt: skip
@click.option("--retry-failed", is_flag=True, help="Go on with cells that failed, too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@common
@pass_console
def study(
    console: Console, words: tuple[str, ...], dry_run: bool, calibrate: bool, where: Where, retry_failed: bool,
    as_json: bool,
) -> int:  # fmt: skip
    """Train every cell of a study, and compare them.

    A study file names a base config and what differs between cells. The same command again goes on: finished
    cells are left as they are. `study status DIR` says how far a study has come, `study report DIR` writes its
    page again; both only read the cells' folders.

    Exit code 1: a cell failed or was broken off; the others were trained all the same.
    """
    if calibrate and not dry_run:
        raise UsageError(Problem(say("--calibrate needs --dry-run"), "--calibrate"))
    match words:
        case ("status" | "report" as verb, folder) if not dry_run:
            return _read(verb, Path(folder), console, as_json)
        case (path,):
            plan = load_study(path)
            return _dry(plan, calibrate, console, as_json) if dry_run else _train(plan, where, retry_failed, console, as_json)  # fmt: skip
    raise UsageError(
        Problem(say("is called with a study file, or with status or report and a folder"), " ".join(words),
                next=say("loralab study --help"))
    )  # fmt: skip


def _train(plan: Plan, where: Where, retry_failed: bool, console: Console, as_json: bool) -> int:
    cells = Cells(plan, StudyFolder(plan.folder))  # before anything is written: a search may be refused
    folder = begin(plan)
    console.say(say("study {path}: {n} cells", path=folder.path, n=len(cells())))
    if cells.drawn.drawn_again:
        console.say(say("{n} draws repeated a cell and were drawn again", n=cells.drawn.drawn_again))
    try:
        with listening(console) as stop:
            standings = _run(folder, cells, plan, where, stop, console, retry_failed)
    except (Interrupted, KeyboardInterrupt):
        console.say(say("stopped; finished cells are kept, the cell in training goes on where it was"))
        console.next(say("loralab study {path}", path=plan.path), loudness=QUIET)
        raise
    _report(folder, console, as_json)
    return _ending(standings, plan, console)


def _run(
    folder: StudyFolder, cells: Cells, plan: Plan, where: Where, stop: StopRequest, console: Console, retry_failed: bool
) -> list[Standing]:  # fmt: skip
    """Train the cells here, or where an engine puts them."""
    if where == "local":
        return run_study(folder, cells, stop, console.say, console.language, retry_failed)
    engine = _engine(where, folder, plan)
    try:
        return run_elsewhere(folder, cells, engine, stop, console.say, console.language, retry_failed)
    finally:
        engine.close()


def _engine(where: Where, folder: StudyFolder, plan: Plan) -> Engine:
    if where == "slurm":
        from loralab.study.slurm import SlurmEngine

        return SlurmEngine(folder.path / "slurm", plan.cluster)
    from loralab.study.ray import RayEngine

    return RayEngine(plan.cluster)


def _report(folder: StudyFolder, console: Console, as_json: bool) -> None:
    """The report on disk and on the terminal. Raises ComparisonRefused where cells are unlike."""
    summary = write_study(folder, console.language)
    tell_summary(summary, console)
    console.say(say("report: {path}", path=folder.report))
    if as_json:
        console.data(document(summary))


def _ending(standings: Sequence[Standing], plan: Plan, console: Console) -> int:
    if all(standing.state == "finished" for standing in standings):
        console.next(say("open {path} in a browser", path=StudyFolder(plan.folder).report))
        return 0
    if any(standing.state == "interrupted" for standing in standings):
        console.next(say("loralab study {path}", path=plan.path))
    else:
        console.next(say("loralab study {path} --retry-failed", path=plan.path))
    return EXIT_FAILED


def _read(verb: str, path: Path, console: Console, as_json: bool) -> int:
    """What a study's folder says, or its page written again."""
    folder = StudyFolder(path.absolute())
    cells = folder.cells()
    if verb == "report":
        _report(folder, console, as_json)
        console.next(say("open {path} in a browser", path=folder.report))
        return 0
    try:
        summary = summarise(folder)
    except ComparisonRefused as error:
        # how far the cells have come is known all the same
        console.say(say("not compared: {reason}", reason=error.text(console.language)))
        if as_json:
            states = [folder.standing(cell) for cell in cells]
            console.data({"cells": [{"label": s.cell.label, "state": s.state} for s in states]})
        return 0
    if as_json:
        console.data(document(summary))
    else:
        tell_summary(summary, console)
    console.next(say("loralab study report {path}", path=path))
    return 0


def _dry(plan: Plan, calibrate: bool, console: Console, as_json: bool) -> int:
    folder = StudyFolder(plan.folder)
    found = Cells(plan, folder)
    forecasts = list(forecast_cells(folder, found.planned(), plan.price, calibrate))
    if as_json:
        console.data({"study": plan.folder.name, "cells": [one.to_dict() for one in forecasts]})
    else:
        tell_forecast(forecasts, plan, console)
    console.next(say("loralab study {path}", path=plan.path))
    return 0
