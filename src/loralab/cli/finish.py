"""The end of a run on the terminal: its table, its report, the next command; or how to go on after a stop."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from loralab.cli.console import QUIET, Console
from loralab.cli.tables import print_scores
from loralab.cli.terminal import TerminalSink
from loralab.errors import Interrupted, LoralabError, Problem, ResourceError, RunFailed
from loralab.run.view import Run
from loralab.track.checked import checked_words
from loralab.words import say


def finish(run: Run, console: Console, as_json: bool) -> None:
    """Scores and verdict, the report's path, the next command; with `as_json` the one JSON line on stdout."""
    print_scores(run, console)
    for words in checked_words(run.folder):
        console.say(words)
    console.say(say("report: {path}", path=run.folder.report))
    if as_json:
        console.data(final_line(run))
    console.next(say("loralab show {path}", path=run.folder.path))


def final_line(run: Run) -> dict[str, Any]:
    """The one JSON line that a finished run ends with."""
    return {"run": str(run.folder.path), "status": run.status, "scores": run.all_scores}


@contextlib.contextmanager
def telling_how_to_resume(
    console: Console, terminal: TerminalSink, devices: int | None = None
) -> Iterator[None]:
    """Print the exact resume command when a run is interrupted, and name the log when it has a bug."""
    try:
        yield
    except (Interrupted, KeyboardInterrupt) as error:
        if terminal.folder:
            for words in checked_words(terminal.folder):
                console.say(words)
            console.say(say("stopped; everything up to the last finished step is saved"))
            command = (
                say("loralab resume {path} --devices {n}", path=terminal.folder.path, n=devices)
                if devices
                else say("loralab resume {path}", path=terminal.folder.path)
            )
            console.next(command, loudness=QUIET)
        else:
            console.say(say("stopped while it was being prepared, before anything was recorded"))
        raise error
    except LoralabError:
        raise
    except Exception as error:  # seam, top of the CLI: a bug of ours in a run, traced in its log, is named
        if not terminal.folder:
            raise
        if isinstance(error, OSError) and error.errno == errno.EIO:
            raise _failing_disk(error, terminal.folder.path) from error
        problem = Problem(
            say("this is a bug in loralab: {kind}: {error}", kind=type(error).__name__, error=error)
        )
        raise RunFailed(problem, str(terminal.folder.log)) from error


def _failing_disk(error: OSError, run: Path) -> ResourceError:
    """What is to be said of input/output errors wherever a run meets them, also where it only reads."""
    return ResourceError(
        Problem(
            say("the disk fails: {reason}", reason=error.strerror), str(error.filename or run),
            next=say("once the disk works again: loralab resume {path}", path=run),
        )
    )  # fmt: skip
