"""A study's folder and a cell's id in, the cell trained out: what an engine runs on the machine that it chose."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from loralab.errors import Interrupted
from loralab.study.folder import StudyFolder
from loralab.study.lost import IsGone, never_gone
from loralab.study.train_cell import train_cell
from loralab.train.stop import StopRequest

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def work(study: str, cell_id: str, language: str, is_gone: IsGone = never_gone) -> int:
    """Train one cell, or go on with it; its exit code. What came of it is in its folder, which all machines share.

    The trainer does not outlive this process. `is_gone` says of a machine whether the engine has lost it.
    """
    folder = StudyFolder(Path(study))
    cell = next(cell for cell in folder.cells() if cell.id == cell_id)
    with _listening() as stop:
        try:
            return train_cell(
                folder, folder.standing(cell), stop, lambda words: None, language, tied=True, is_gone=is_gone
            )
        except Interrupted as error:
            return error.exit_code


@contextlib.contextmanager
def _listening() -> Iterator[StopRequest]:
    """A StopRequest that SIGINT and SIGTERM set while the block runs; the engine's own handlers come back after it."""
    stop = StopRequest()

    def handle(number: int, frame: FrameType | None) -> None:
        stop.ask(number)

    if threading.current_thread() is not threading.main_thread():
        yield stop  # signals reach the main thread alone: the trainer is then ended with its machine's job
        return
    old = {number: signal.signal(number, handle) for number in SIGNALS}
    # Ray blocks SIGINT in its workers, and a child would inherit that: it could never be asked to save itself
    mask = signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    try:
        yield stop
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for number, handler in old.items():
            signal.signal(number, handler)
