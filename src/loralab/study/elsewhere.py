"""A study and an engine in, its cells trained side by side where the engine puts them out.

An engine says no more than that the job of a cell is over. What came of the cell is read from its folder, which
all machines share: so that progress outlives the engine.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from loralab.errors import Interrupted
from loralab.study.cells import Cell
from loralab.study.folder import Standing, StudyFolder
from loralab.study.hold import is_held
from loralab.study.local import NextCells, alone, finish_up, left_to_do, tell_end
from loralab.study.lost import STILL_SECONDS, Stillness, written_elsewhere
from loralab.study.train_cell import Say
from loralab.train.stop import StopRequest
from loralab.words import Words, say

LOOK_SECONDS = 1.0
CANCEL_SECONDS = 60.0  # in which cancelled cells save themselves


class Engine(Protocol):
    """Runs `worker.work` for cells on other machines, or beside each other on this one."""

    def submit(self, study: Path, cell: Cell, language: str) -> None:
        """Have a cell trained as soon as there is room."""

    def over(self) -> Mapping[str, str]:
        """Ids of the cells whose jobs have ended since it was last asked, each with how it ended."""

    def obstacle(self) -> Words | None:
        """What stands in the way of jobs, if anything is known to: said once."""

    def cancel(self) -> None:
        """Ask every job to end; cells that are in training save themselves first."""

    def close(self) -> None:
        """Nothing more will be asked."""


@dataclass
class _Course:
    """One call of `run_elsewhere`: whom it asks, and what it has done and said so far."""

    study: StudyFolder
    engine: Engine
    tell: Say
    language: str
    retry_failed: bool
    tried: set[str] = field(default_factory=set)
    running: dict[str, Cell] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)
    still: Stillness = field(default_factory=Stillness)

    def say_once(self, words: Words) -> None:
        """Say a sentence, unless it was said before."""
        if str(words) not in self.told:
            self.told.add(str(words))
            self.tell(words)


def run_elsewhere(
    study: StudyFolder, next_cells: NextCells, engine: Engine, stop: StopRequest, tell: Say, language: str,
    retry_failed: bool = False,
) -> list[Standing]:  # fmt: skip
    """As `run_study`, with all cells handed to the engine at once. Raises Interrupted once the jobs have ended."""
    course = _Course(study, engine, tell, language, retry_failed)
    with alone(study):
        while True:
            foreign = _submit(course, next_cells)
            _collect(course)
            if stop.signal_number:
                _cancel(course)
                raise Interrupted(stop.signal_number)
            if not course.running and not foreign and not _left(course, next_cells):
                break
            if course.running and (words := engine.obstacle()):
                course.say_once(words)
            time.sleep(LOOK_SECONDS)
        standings = [study.standing(cell) for cell in next_cells()]
        finish_up(standings, language)
    return standings


def _left(course: _Course, next_cells: NextCells) -> list[Cell]:
    return left_to_do(course.study, next_cells(), course.tried, course.retry_failed)


def _submit(course: _Course, next_cells: NextCells) -> list[Cell]:
    """Submit what is left to do; returns cells that another process is training, which are waited for."""
    foreign = []
    for cell in _left(course, next_cells):
        if _is_at_work(course, cell):
            course.say_once(
                say("{cell} is being trained by another process: waiting for it", cell=cell.label)
            )
            foreign.append(cell)
            continue
        course.engine.submit(course.study.path, cell, course.language)
        course.tried.add(cell.id)
        course.running[cell.id] = cell
        course.tell(say("{cell} is submitted; log: {path}", cell=cell.label, path=course.study.of(cell).log))
    return foreign


def _is_at_work(course: _Course, cell: Cell) -> bool:
    """Whether another process is training a cell.

    One of another machine that holds nothing here is believed to while its record grows: such a machine may be gone.
    """
    standing = course.study.standing(cell)
    if standing.state != "running":
        return False
    if not written_elsewhere(standing.run) or is_held(course.study.of(cell).hold):
        return True
    assert standing.run
    return course.still.seconds(standing.run.folder.events) < STILL_SECONDS


def _collect(course: _Course) -> None:
    for cell_id, how in course.engine.over().items():
        tell_end(course.study, course.running.pop(cell_id), how, course.tell)


def _cancel(course: _Course) -> None:
    """End all jobs, and wait a while for them; those that take longer are named."""
    course.engine.cancel()
    deadline = time.monotonic() + CANCEL_SECONDS
    while course.running and time.monotonic() < deadline:
        _collect(course)
        time.sleep(LOOK_SECONDS / 10)
    for cell in course.running.values():
        course.tell(say("{cell} has not ended yet; it is left to the engine", cell=cell.label))
