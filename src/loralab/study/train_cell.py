"""A cell in, its run out: one process of the real command line at a time, in the cell's own log."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from loralab.errors import Interrupted
from loralab.run.files import write_json, writing
from loralab.study.folder import CellFolder, Standing, StudyFolder
from loralab.study.hold import Held, holding
from loralab.study.lost import IsGone, free_if_gone, never_gone
from loralab.train.stop import StopRequest
from loralab.words import Words, say

Say = Callable[[Words], None]
LOOK_SECONDS = 0.1
PATIENCE_SECONDS = 0.5  # another process that only looks whether the hold is taken has it for an instant
TAIL_BYTES = 2_000  # of a log, as the reason of a failure
COMMAND = (sys.executable, "-m", "loralab")
TIED = (sys.executable, "-I", str(Path(__file__).with_name("tied.py")))
INTERRUPTED = (128 + signal.SIGINT, 128 + signal.SIGTERM)


def train_cell(
    study: StudyFolder, standing: Standing, stop: StopRequest, tell: Say, language: str, tied: bool = False,
    is_gone: IsGone = never_gone,
) -> int:  # fmt: skip
    """Train a cell from its start or from where it was broken off; its exit code, negative for a signal that killed it.

    Waits where another process is training it. Raises Interrupted if a stop is asked for while it waits. `tied`: if
    this process is killed, the trainer saves itself and ends; otherwise it trains on.
    """
    folder = study.of(standing.cell)
    began, told = time.monotonic(), False
    while True:
        try:
            with holding(folder.hold) as descriptor:
                return _train(folder, descriptor, stop, language, tied, is_gone)
        except Held:
            if not told and time.monotonic() - began > PATIENCE_SECONDS:
                tell(
                    say(
                        "{cell} is being trained by another process: waiting for it", cell=standing.cell.label
                    )
                )
                told = True
        if stop.signal_number:
            raise Interrupted(stop.signal_number)
        time.sleep(LOOK_SECONDS)


def _train(
    folder: CellFolder, descriptor: int, stop: StopRequest, language: str, tied: bool, is_gone: IsGone
) -> int:
    run = folder.run  # once more: while it was waited for, another process may have come to an end with it
    if run and run.status == "finished":
        return 0
    if run:
        free_if_gone(run, folder.log, is_gone, stop, language)
    folder.refusal.unlink(missing_ok=True)
    words = ["resume", str(run.folder.path)] if run else ["train", str(folder.config)]
    began_at = folder.log.stat().st_size if folder.log.is_file() else 0
    events = _events(folder)
    command = [*TIED, str(os.getpid()), *COMMAND] if tied else COMMAND
    code = _run([*command, *words, "--lang", language], folder.log, descriptor, stop)
    run = folder.run
    elsewhere = run is not None and run.status == "running"  # its LOCK has refused this process
    if code > 0 and code not in INTERRUPTED and _events(folder) == events and not elsewhere:
        write_json(folder.refusal, {"exit_code": code, "reason": _tail(folder.log, began_at)})
    return code


def _events(folder: CellFolder) -> int:
    """How many events the cell's run has recorded: a command that added none left its reason in the log alone."""
    run = folder.run
    return len(run.record.events) if run else 0


def _run(command: Sequence[str], log: Path, descriptor: int, stop: StopRequest) -> int:
    """Run a command, hand on to it each signal that comes, and wait for its end."""
    with writing(log):
        stream = log.open("ab")
    with stream:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=stream,
            stderr=subprocess.STDOUT, pass_fds=(descriptor,),
            start_new_session=True,  # a Ctrl-C of the terminal reaches it once, from here, and not twice
        )  # fmt: skip
    try:
        return _wait(child, stop)
    except KeyboardInterrupt:
        child.send_signal(signal.SIGINT)
        child.wait()
        raise


def _wait(child: subprocess.Popen[bytes], stop: StopRequest) -> int:
    handed_on = 0
    while True:
        asked = bool(stop.signal_number) + stop.at_once
        if asked > handed_on and child.poll() is None:
            # SIGINT twice leaves the step; SIGTERM does so at once
            child.send_signal(stop.signal_number)
            handed_on = 2 if stop.signal_number == signal.SIGTERM else handed_on + 1
        try:
            return child.wait(LOOK_SECONDS)
        except subprocess.TimeoutExpired:
            continue


def _tail(log: Path, start: int) -> str:
    """What the last command wrote, or the end of it, marked as such."""
    with log.open("rb") as stream:
        stream.seek(start)
        written = stream.read()
    text = written[-TAIL_BYTES:].decode("utf-8", "replace").strip()
    return f"... {text}" if len(written) > TAIL_BYTES else text
