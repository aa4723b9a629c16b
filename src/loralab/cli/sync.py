"""`loralab sync`: a run in, its SwanLab record made whole and sent, with counts out."""

from __future__ import annotations

import click

from loralab import api
from loralab.cli.console import Console, common, pass_console
from loralab.errors import Problem, RunFailed
from loralab.run.view import open_run
from loralab.track import SinkFailed, Synced
from loralab.track.swanlab import Asked
from loralab.words import say


@click.command()
@click.argument("run", type=click.Path())
@click.option(
    "--mode",
    type=click.Choice(["auto", "online", "offline"]),
    default="auto",
    help="auto sends to SwanLab if there is a key; offline only mends the files in the run folder.",
)
@click.option(
    "--timeout", "idle_seconds", type=click.FloatRange(min=0.1), default=120.0, metavar="SECONDS",
    help="Give up after so long without progress (120).",
)  # fmt: skip
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document: what was there, rebuilt and sent."
)
@common
@pass_console
def sync(console: Console, run: str, mode: Asked, idle_seconds: float, as_json: bool) -> None:
    """Replay a run's events into SwanLab.

    Files that a kill left empty or short are rebuilt from events.jsonl; with a key the rest is sent, with the
    times at which it happened. Doing it again sends only what is new.
    """
    found = open_run(run)

    def progress(done: int, total: int) -> None:
        if total:
            console.say(say("sent {done} of {total} records", done=done, total=total))

    try:
        synced = api.sync(found, mode, progress=progress, idle_seconds=idle_seconds)
    except SinkFailed as error:
        log = found.folder.track("swanlab") / "child.log"
        raise RunFailed(
            Problem(say("not brought up to date: {reason}", reason=error), run), str(log)
        ) from None
    _tell(synced, console)
    if as_json:
        console.data(
            {
                "run": found.id, "mirror": synced.mirror.to_dict(), "rebuilt": synced.rebuilt,
                "experiment": synced.experiment or None, "sent": synced.sent, "known": synced.known,
            }
        )  # fmt: skip
    console.next(say("loralab show {path}", path=found.folder.path))


def _tell(synced: Synced, console: Console) -> None:
    mirror = synced.mirror
    counts = {"points": mirror.scalars_found, "texts": mirror.texts_found}
    if synced.rebuilt:
        console.say(
            say("SwanLab's files were rebuilt from the events: {points} points, {texts} texts", **counts)
        )
    else:
        console.say(say("SwanLab's files were whole: {points} points, {texts} texts", **counts))
    if synced.experiment:
        console.say(
            say("sent to experiment {id}: {sent} points and lists of texts; {known} were there before",
                id=synced.experiment, sent=synced.sent, known=synced.known)
        )  # fmt: skip
    else:
        console.say(
            say("nothing was sent: no key, or --mode offline; `swanlab login` or SWANLAB_API_KEY gives one")
        )
