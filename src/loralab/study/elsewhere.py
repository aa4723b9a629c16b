"""A study and an engine in, its cells trained side by side where the engine puts them out.

An engine says no more than that the job of a cell is over. What came of the cell is read from its folder, which
all machines share: so that progress outlives the engine.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from loralab.errors import Interrupted
from loralab.study.cells import Cell
from loralab.study.folder import Standing, StudyFolder
from loralab.study.local import NextCells, alone, left_to_do, tell_end, write_missing_reports
from loralab.study.train_cell import Say
from loralab.train.stop import StopRequest
from loralab.words import say

LOOK_SECONDS = 1.0
CANCEL_SECONDS = 60.0  # in which cancelled cells save themselves


class Engine(Protocol):
    """Runs `worker.work` for cells on other machines, or beside each other on this one."""

    def submit(self, study: Path, cell: Cell, language: str) -> None:
        """Have a cell trained as soon as there is room."""

    def over(self) -> Mapping[str, str]:
        """Ids of the cells whose jobs have ended since it was last asked, each with how it ended."""

    def cancel(self) -> None:
        """Ask every job to end; cells that are in training save themselves first."""

    def close(self) -> None:
        """Nothing more will be asked."""


def run_elsewhere(
    study: StudyFolder, next_cells: NextCells, engine: Engine, stop: StopRequest, tell: Say, language: str,
    retry_failed: bool = False,
) -> list[Standing]:  # fmt: skip
    """As `run_study`, with all cells handed to the engine at once. Raises Interrupted once the jobs have ended."""
    tried: set[str] = set()
    running: dict[str, Cell] = {}
    with alone(study):
        while True:
            foreign = _submit(study, next_cells(), engine, (tried, running), tell, language, retry_failed)
            _collect(study, engine, running, tell)
            if stop.signal_number:
                _cancel(study, engine, running, tell)
                raise Interrupted(stop.signal_number)
            if not running and not foreign and not left_to_do(study, next_cells(), tried, retry_failed):
                break
            time.sleep(LOOK_SECONDS)
        standings = [study.standing(cell) for cell in next_cells()]
        write_missing_reports(standings, language)
    return standings


def _submit(
    study: StudyFolder, cells: Sequence[Cell], engine: Engine, jobs: tuple[set[str], dict[str, Cell]], tell: Say,
    language: str, retry_failed: bool,
) -> list[Cell]:  # fmt: skip
    """Submit what is left to do; returns cells that another process is training, which are waited for."""
    tried, running = jobs
    foreign = []
    for cell in left_to_do(study, cells, tried, retry_failed):
        if study.standing(cell).state == "running":
            foreign.append(cell)
            continue
        engine.submit(study.path, cell, language)
        tried.add(cell.id)
        running[cell.id] = cell
        tell(say("{cell} is submitted; log: {path}", cell=cell.label, path=study.of(cell).log))
    return foreign


def _collect(study: StudyFolder, engine: Engine, running: dict[str, Cell], tell: Say) -> None:
    for cell_id, how in engine.over().items():
        tell_end(study, running.pop(cell_id), how, tell)


def _cancel(study: StudyFolder, engine: Engine, running: dict[str, Cell], tell: Say) -> None:
    """End all jobs, and wait a while for them; those that take longer are named."""
    engine.cancel()
    deadline = time.monotonic() + CANCEL_SECONDS
    while running and time.monotonic() < deadline:
        _collect(study, engine, running, tell)
        time.sleep(LOOK_SECONDS / 10)
    for cell in running.values():
        tell(say("{cell} has not ended yet; it is left to the engine", cell=cell.label))
