"""`loralab watch`: a run in, what happens in it out, until it ends."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from loralab.cli.console import Console, common, pass_console
from loralab.cli.tables import print_scores
from loralab.cli.watch_lines import IN_PICTURE, IN_WORDS, LINES, WatchLines
from loralab.cli.watch_view import picture
from loralab.errors import Interrupted, Problem, UsageError
from loralab.report.facts import STATUS, status_notes
from loralab.run.folder import NUMBERED, RunFolder, open_run_folder
from loralab.run.looks import Look, looks
from loralab.run.view import Run
from loralab.words import say

if TYPE_CHECKING:
    from rich.console import Console as RichConsole

POLL_SECONDS = 1.0
Show = Callable[[Look], None]


@click.command()
@click.argument("run", type=click.Path())
@click.option(
    "--plain", is_flag=True, help="Print lines, also in a terminal, instead of redrawing a picture."
)
@click.option("--json", "as_json", is_flag=True, help="Print the events as JSON lines, from the first on.")
@common
@pass_console
def watch(console: Console, run: str, plain: bool, as_json: bool) -> None:
    """Follow a run until it ends: steps, time left, losses, scores, warnings.

    Only the run folder is read, and nothing is written: the run may go on in another shell, or on another
    machine that shares the folder. Exit code 0 also when the run failed; the last words say how it ended.
    """
    folder = _folder(run)
    last = None
    with _ending_in_words(console), _display(folder, console, plain, as_json) as show:
        for last in _readable(looks(folder, POLL_SECONDS), folder):
            show(last)
    assert last is not None  # there is always one look
    _tell_end(last, folder, console, as_json)


def _folder(run: str) -> RunFolder:
    """The run folder, also one that was made a moment ago and holds nothing yet.

    Raises UsageError if there is none, or if a newer version wrote it.
    """
    path = Path(run).absolute()
    folder = RunFolder(path) if _is_just_made(path) else open_run_folder(run)
    _ = Run(folder).manifest
    return folder


def _is_just_made(path: Path) -> bool:
    """Whether it has the name of a run folder and nothing in it but files that are being written."""
    return bool(
        NUMBERED.match(path.name) and path.is_dir() and all(p.name.startswith(".") for p in path.iterdir())
    )


def _readable(found: Iterator[Look], folder: RunFolder) -> Iterator[Look]:
    """The looks; raises UsageError where the events cannot be read."""
    try:
        yield from found
    except OSError as error:
        problem = Problem(say("cannot be read: {reason}", reason=error.strerror), str(folder.events))
        raise UsageError(problem) from error


@contextlib.contextmanager
def _display(folder: RunFolder, console: Console, plain: bool, as_json: bool) -> Iterator[Show]:
    """A function that shows a look: as JSON lines, as a picture in a terminal, or as lines."""
    from rich.console import Console as RichConsole

    rich = RichConsole(stderr=True)
    if as_json:
        yield _json_lines(folder, console)
    elif plain or not console.live or rich.is_dumb_terminal:
        yield WatchLines(folder, console).show
    else:
        with _redrawn(folder, console, rich) as show:
            yield show


def _json_lines(folder: RunFolder, console: Console) -> Show:
    lines = WatchLines(folder, console, without=(*IN_WORDS, *IN_PICTURE, *LINES))

    def show(look: Look) -> None:
        lines.show(look)
        for event in look.new:
            console.data(event)

    return show


@contextlib.contextmanager
def _redrawn(folder: RunFolder, console: Console, rich: RichConsole) -> Iterator[Show]:
    """A function that draws a look over the one before; what is said meanwhile stands above the picture."""
    from rich.live import Live

    lines = WatchLines(folder, console, without=IN_PICTURE)
    drawn: tuple[object, ...] = ()
    with Live(console=rich, auto_refresh=False) as live:

        def show(look: Look) -> None:
            nonlocal drawn
            lines.show(look)
            state = (len(look.record.events), look.status, rich.size)
            if state != drawn:
                live.update(picture(look, folder.path.name, rich, console), refresh=True)
                drawn = state

        console.printer = lambda text: rich.print(text, markup=False, highlight=False, soft_wrap=True)
        try:
            yield show
        finally:
            console.printer = None


@contextlib.contextmanager
def _ending_in_words(console: Console) -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C does, with the cursor back in its place, and say what was not ended."""
    received = signal.SIGINT

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal received
        received = signal.Signals(number)
        raise KeyboardInterrupt  # not an Exception, which a library could take for one of its own

    old = signal.signal(signal.SIGTERM, handle)
    try:
        yield
    except KeyboardInterrupt as error:
        console.say(say("no longer watching; the run itself was left alone"))
        raise Interrupted(received) from error
    finally:
        signal.signal(signal.SIGTERM, old)


def _tell_end(last: Look, folder: RunFolder, console: Console, as_json: bool) -> None:
    """How the run ended, what of its record could not be read, its scores, and the next command."""
    run = Run(folder)
    console.say(say("{run}: {status}", run=run.id, status=STATUS[last.status]))
    for words in status_notes(run):
        console.say(words)
    if last.record.torn_bytes:
        console.say(say("the last event is torn ({n} bytes) and was passed over", n=last.record.torn_bytes))
    if last.record.damaged_lines:
        console.say(say("{n} lines of events.jsonl are damaged and passed over", n=last.record.damaged_lines))
    if not as_json:
        print_scores(run, console)
    again = last.status in ("interrupted", "stale")
    console.next(
        say("loralab resume {path}", path=folder.path)
        if again
        else say("loralab show {path}", path=folder.path)
    )
