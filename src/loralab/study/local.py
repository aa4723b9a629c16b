"""A study in, its cells trained one after another on this machine out."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence

from loralab.errors import Interrupted, Problem, UsageError
from loralab.report import write_report
from loralab.run.lock import RunLock, holder_is_alive, remove_stale
from loralab.study.cells import Cell
from loralab.study.folder import Standing, StudyFolder
from loralab.study.lost import written_elsewhere
from loralab.study.train_cell import Say, train_cell
from loralab.train.stop import StopRequest
from loralab.words import say

NextCells = Callable[[], Sequence[Cell]]


def run_study(
    study: StudyFolder, next_cells: NextCells, stop: StopRequest, tell: Say, language: str, retry_failed: bool = False
) -> list[Standing]:  # fmt: skip
    """Train every cell that is not finished, once each; what each cell has come to.

    `next_cells` gives all cells that there are by now, a search more of them as others finish. A cell that fails
    stops no other. Raises UsageError if another process runs this study, and Interrupted on a signal, after the
    cell in training has saved itself.
    """
    tried: set[str] = set()
    with alone(study):
        while cells := left_to_do(study, next_cells(), tried, retry_failed):
            tried.add(cells[0].id)
            _one(study, cells[0], stop, tell, language)
        standings = [study.standing(cell) for cell in next_cells()]
        finish_up(standings, language)
    return standings


def left_to_do(study: StudyFolder, cells: Sequence[Cell], tried: set[str], retry_failed: bool) -> list[Cell]:
    """The cells that are not over, without those that were tried."""
    over = ("finished",) if retry_failed else ("finished", "failed")
    return [cell for cell in cells if cell.id not in tried and study.standing(cell).state not in over]


def _one(study: StudyFolder, cell: Cell, stop: StopRequest, tell: Say, language: str) -> None:
    if stop.signal_number:
        raise Interrupted(stop.signal_number)
    standing = study.standing(cell)
    if standing.state != "running":
        what = say("begins") if standing.run is None else say("goes on")
        tell(say("{cell} {what}; log: {path}", cell=cell.label, what=what, path=study.of(cell).log))
    code = train_cell(study, standing, stop, tell, language)
    if stop.signal_number:
        raise Interrupted(stop.signal_number)
    tell_end(study, cell, str(code), tell)


def tell_end(study: StudyFolder, cell: Cell, how: str, tell: Say) -> None:
    """Say what came of a cell; `how` is the exit code of its command, or what an engine says."""
    after = study.standing(cell)
    if after.state == "failed":
        tell(say("{cell} failed; the other cells go on: {reason}", cell=cell.label, reason=after.brief))
    elif after.state == "finished":
        tell(say("{cell} is finished", cell=cell.label))
    elif after.run and after.state == "running" and (host := written_elsewhere(after.run)):
        tell(say("{cell} is written by a process on {host}; if that machine is gone for good, delete {path} and run the"
                 " same command again", cell=cell.label, host=host, path=after.run.folder.lock))  # fmt: skip
    else:
        tell(say("{cell} was broken off ({how}); the same command goes on with it", cell=cell.label, how=how))


@contextlib.contextmanager
def alone(study: StudyFolder) -> Iterator[None]:
    """The lock of the study: two processes would train its cells side by side."""
    if holder_is_alive(study.lock):
        raise UsageError(
            Problem(say("another process runs this study"), str(study.lock),
                    next=say("loralab study status {path}", path=study.path))
        )  # fmt: skip
    lock = RunLock(study.lock)
    try:
        yield
    finally:
        lock.release()


def finish_up(standings: Sequence[Standing], language: str) -> None:
    """The LOCK and the page of runs whose process was killed between the last event and its own end."""
    for standing in standings:
        if standing.state != "finished" or standing.run is None:
            continue
        remove_stale(standing.run.folder.lock)
        if not standing.run.folder.report.is_file():
            write_report(standing.run, language)
