"""A study's folder in, what is promised of it out: every cell once, nothing finished touched, the numbers of another."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from doubles.same_run import differences
from loralab.run.events import Event
from loralab.run.view import Run, list_runs
from loralab.study.cells import Cell
from loralab.study.folder import Standing, StudyFolder
from loralab.study.hold import is_held
from loralab.study.summary import document, summarise

BEGINNINGS = ("run_started", "run_resumed")
PASSING = ("LOCK", "HOLD", "log.txt")  # who writes, and what was said: no part of what a cell has shown
TABLE = (
    "label",
    "value",
    "n",
    "low",
    "high",
    "seeds",
    "seed_values",
    "difference_to_best",
)  # but no time, no name
Seen = dict[Path, tuple[int, str]]


def num_events(study: StudyFolder) -> int:
    """Lines in the records of all cells."""
    return sum(p.read_bytes().count(b"\n") for p in study.path.glob("cells/*/*/events.jsonl"))


def runs_of(study: StudyFolder, cell: Cell) -> list[Run]:
    """All runs of a cell; more than one if it was killed before the first had a record to go on from."""
    return list(list_runs(study.of(cell).path))


def standings(study: StudyFolder) -> list[Standing]:
    """What each cell has come to."""
    return [study.standing(cell) for cell in study.cells()]


def finished_files(study: StudyFolder) -> Seen:
    """Time and hash of every file of the finished cells that no process holds any more."""
    finished = [
        s.run.folder.path
        for s in standings(study)
        if s.state == "finished" and s.run and not is_held(study.of(s.cell).hold)
    ]
    return {path: _state(path) for folder in finished for path in folder.rglob("*") if _counts(path)}


def touched(before: Seen) -> list[str]:
    """The files that are not as they were."""
    return [str(path) for path, state in before.items() if not path.exists() or _state(path) != state]


def _counts(path: Path) -> bool:
    return path.is_file() and path.name not in PASSING


def _state(path: Path) -> tuple[int, str]:
    return path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest()


def table(study: StudyFolder) -> dict[str, Any]:
    """What the report says of the recipes; neither times nor what depends on them."""
    found = document(summarise(study))
    recipes = [{key: recipe[key] for key in TABLE} for recipe in found["recipes"]]
    return {"recipes": recipes, "best": found["best"], "counts": found["counts"], "unlike": found["unlike"]}


@dataclass(frozen=True)
class Trained:
    """How a cell came to its end: how often it was begun, the steps it made, and how many of them a second time."""

    label: str
    attempts: int
    steps: int
    again: int
    wrong: tuple[str, ...]


def trained(study: StudyFolder, whole: StudyFolder, cell: Cell) -> Trained:
    """A cell, compared with that of an uninterrupted study."""
    runs = runs_of(study, cell)
    events = [event for run in runs for event in run.record.events]
    made = [event for event in events if event["kind"] == "step"]
    attempts = sum(event["kind"] in BEGINNINGS for event in events)
    wrong = [wrong for run in runs for wrong in out_of_order(run.record.events)]
    if len([run for run in runs if run.record.of_kind("step")]) != 1:
        wrong.append(f"{len(runs)} runs, of which not one alone has made steps")
    found, other = study.of(cell).run, whole.of(cell).run
    wrong += differences(found, other) if found and other else ["no run"]
    steps = len(found.record.steps()) if found else 0
    return Trained(cell.label, attempts, steps, len(made) - steps, tuple(wrong))


def out_of_order(events: Sequence[Event]) -> list[str]:
    """Steps that do not follow each other, or are made again though a checkpoint had them."""
    wrong, at, saved = [], 0, 0
    for event in events:
        if event["kind"] == "step":
            if event["step"] != at + 1:
                wrong.append(f"step {event['step']} after step {at}")
            at = event["step"]
        elif event["kind"] == "checkpoint":
            saved = event["step"]
        elif event["kind"] == "run_resumed":
            if not saved <= event["from_step"] <= at:
                wrong.append(f"goes on from step {event['from_step']}; made: {at}, saved: {saved}")
            at = event["from_step"]
    return wrong


def compared(study: StudyFolder, whole: StudyFolder) -> tuple[list[Trained], list[str]]:
    """Each cell beside that of an uninterrupted study; and what is wrong with the study as a whole."""
    wrong = [f"{s.cell.label} is {s.state}" for s in standings(study) if s.state != "finished"]
    ids = [[cell.id for cell in one.cells()] for one in (study, whole)]
    if ids[0] != ids[1]:
        return [], [*wrong, "the cells are not those of the other study"]
    if not (study.report.is_file() and study.document.is_file()):
        wrong.append("there is no report")
    if not wrong and table(study) != table(whole):
        wrong.append("the table is not that of the uninterrupted study")
    if study.lock.exists():
        wrong.append("the study's LOCK is left")
    return [trained(study, whole, cell) for cell in study.cells()], wrong


def lines(cells: Iterable[Trained]) -> list[str]:
    """A line for each cell."""
    rows = [("cell", "begun", "steps", "made again", "as uninterrupted")]
    rows += [
        (c.label, str(c.attempts), str(c.steps), str(c.again), "; ".join(c.wrong) or "yes") for c in cells
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
