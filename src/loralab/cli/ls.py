"""`loralab ls`: a folder in, one line for each run in it out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from loralab.cli.console import Console, common, pass_console
from loralab.cli.tables import format_entry
from loralab.errors import Problem, UsageError
from loralab.run.view import Run, list_runs
from loralab.words import say

DEFAULT = Path("runs")


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default=DEFAULT)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@common
@pass_console
def ls(console: Console, folder: Path, as_json: bool) -> None:
    """List the runs in FOLDER (runs/ by default): status, steps, held-out loss."""
    if not folder.is_dir() and folder != DEFAULT:
        raise UsageError(Problem(say("no such folder"), str(folder)))
    runs = [_summary(run) for run in list_runs(folder)]
    if as_json:
        console.data({"runs": runs})
    for run in () if as_json else runs:
        loss = format_entry("loss", run["scores"].get("heldout", {}).get("loss"))
        console.line(run["run"], run["status"], f"{run['steps']} steps", f"loss {loss}")
    if not runs:
        console.say(say("no runs in {folder}", folder=folder))
        console.next(say("loralab demo"))
    else:
        console.next(say("loralab show {path}", path=folder / runs[-1]["run"]))


def _summary(run: Run) -> dict[str, Any]:
    """What is known of a run; parts that cannot be read are empty."""
    try:
        manifest = run.manifest
    except UsageError as error:
        return {"run": run.id, "status": "unreadable", "steps": 0, "scores": {}, "error": str(error)}
    steps = run.record.steps()
    last = run.stages[-1] if run.stages else ""
    status = run.status if run.record.events else "empty"
    return {
        "run": run.id, "status": status, "created": manifest.get("created"),
        "model": manifest.get("model", {}).get("name"), "steps": steps[-1]["step"] if steps else 0,
        "stage": last, "scores": run.scores(last) if last else {},
    }  # fmt: skip
