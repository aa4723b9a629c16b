"""A study folder's paths, and what each cell has come to, read from its run folder alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from loralab.errors import Problem, UsageError
from loralab.run.files import write_json
from loralab.run.view import Run, list_runs
from loralab.safe_text import one_line
from loralab.study.cells import Cell
from loralab.study.hold import is_held
from loralab.study.plan import FILE
from loralab.words import say

FORMAT = 1
State = Literal["waiting", "running", "interrupted", "finished", "failed"]
ASIDES = ("next: ", "log: ", "下一步：", "日志：")
STATES: tuple[State, ...] = ("finished", "failed", "interrupted", "running", "waiting")


@dataclass(frozen=True)
class CellFolder:
    """The paths below cells/NAME; run folders lie beside them."""

    path: Path

    @property
    def config(self) -> Path:
        """The whole config of the cell."""
        return self.path / "config.yaml"

    @property
    def log(self) -> Path:
        """What the commands that trained it wrote."""
        return self.path / "log.txt"

    @property
    def hold(self) -> Path:
        """Locked by the process that trains it."""
        return self.path / "HOLD"

    @property
    def refusal(self) -> Path:
        """Why the cell ended without a run folder that says so."""
        return self.path / "failed.json"

    @property
    def run(self) -> Run | None:
        """The newest run; None if there is none, or if it was killed before its record began."""
        runs = list(list_runs(self.path))
        return runs[-1] if runs and runs[-1].folder.manifest.is_file() else None


@dataclass(frozen=True)
class Standing:
    """What a cell has come to; `reason` says why it failed."""

    cell: Cell
    state: State
    run: Run | None
    reason: str = ""

    @property
    def brief(self) -> str:
        """The reason in one line: the last that a command wrote at the left edge, next steps aside."""
        lines = [
            line for line in self.reason.splitlines() if line.strip() and not line.startswith((" ", *ASIDES))
        ]
        return one_line(lines[-1]) if lines else ""


@dataclass(frozen=True)
class StudyFolder:
    """The paths below one study folder."""

    path: Path

    @property
    def file(self) -> Path:
        """The study as it was resolved."""
        return self.path / FILE

    @property
    def base(self) -> Path:
        """The config that every cell started from."""
        return self.path / "base.yaml"

    @property
    def plan(self) -> Path:
        """The cells that the study has now."""
        return self.path / "plan.json"

    @property
    def lock(self) -> Path:
        """Held by the one process that runs the study."""
        return self.path / "LOCK"

    @property
    def report(self) -> Path:
        """The page for people."""
        return self.path / "report.html"

    @property
    def document(self) -> Path:
        """The same for programs."""
        return self.path / "study.json"

    def of(self, cell: Cell) -> CellFolder:
        """The folder of a cell."""
        return CellFolder(self.path / "cells" / cell.name)

    def standing(self, cell: Cell) -> Standing:
        """What a cell has come to."""
        folder = self.of(cell)
        run = folder.run
        if run and run.status == "finished":
            return Standing(cell, "finished", run)
        if is_held(folder.hold) or (run and run.status == "running"):
            return Standing(cell, "running", run)
        if folder.refusal.is_file():
            return Standing(cell, "failed", run, _reason(folder.refusal))
        if run is None:
            return Standing(cell, "waiting", None)
        if run.status == "failed":
            return Standing(cell, "failed", run, str(run.last("run_failed").get("error", "")))
        return Standing(cell, "interrupted", run)

    def write_plan(self, cells: Sequence[Cell], drawn_again: int = 0) -> None:
        """Write down which cells the study has; `drawn_again` counts draws of a search that repeated a cell."""
        rows = [{"id": c.id, "name": c.name, "label": c.label, "values": dict(c.values)} for c in cells]
        write_json(self.plan, {"format": FORMAT, "cells": rows, "drawn_again": drawn_again})

    def cells(self) -> list[Cell]:
        """The cells that the study has; raises UsageError if the folder holds no study."""
        document = _read(self.plan)
        if document.get("format", 0) > FORMAT:
            raise UsageError(
                Problem(say("was written by a newer loralab (format {format})", format=document["format"]),
                        str(self.plan), next=say("pip install --upgrade loralab"))
            )  # fmt: skip
        try:
            return [Cell(row["id"], row["name"], row["label"], row["values"]) for row in document["cells"]]
        except (KeyError, TypeError):
            raise UsageError(
                Problem(say("is not the folder of a study: plan.json is missing or damaged"), str(self.path))
            ) from None

    def former_cells(self, cells: Sequence[Cell]) -> list[str]:
        """Names of cell folders that are no longer part of the study."""
        known = {cell.name for cell in cells}
        return sorted(p.name for p in (self.path / "cells").glob("*") if p.is_dir() and p.name not in known)


def _reason(path: Path) -> str:
    return str(_read(path).get("reason", ""))


def _read(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
