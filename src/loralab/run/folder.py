"""A run folder's paths: where each part of the record lies, and how a new folder gets its number."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from loralab.errors import Problem, UsageError
from loralab.run.files import writing
from loralab.words import say

NUMBERED = re.compile(r"(\d{4,})-")


@dataclass(frozen=True)
class RunFolder:
    """The paths below one run folder."""

    path: Path

    @property
    def config(self) -> Path:
        """The fully resolved config."""
        return self.path / "config.yaml"

    @property
    def manifest(self) -> Path:
        """What the run was made from and on."""
        return self.path / "manifest.json"

    @property
    def events(self) -> Path:
        """The append-only record."""
        return self.path / "events.jsonl"

    @property
    def report(self) -> Path:
        """The page for people."""
        return self.path / "report.html"

    @property
    def log(self) -> Path:
        """Words and tracebacks."""
        return self.path / "log.txt"

    @property
    def lock(self) -> Path:
        """Held by the one writer."""
        return self.path / "LOCK"

    @property
    def adapter(self) -> Path:
        """The chosen adapter."""
        return self.path / "adapter"

    @property
    def checkpoints(self) -> Path:
        """The folder of all checkpoints."""
        return self.path / "checkpoints"

    @property
    def data(self) -> Path:
        """report.json, dropped.jsonl and split.json."""
        return self.path / "data"

    def checkpoint(self, step: int) -> Path:
        """The checkpoint of a step."""
        return self.checkpoints / f"step-{step:06d}"

    def predictions(self, stage: str) -> Path:
        """The answers of a stage."""
        return self.path / "predictions" / f"{stage}.jsonl"

    def scores(self, stage: str) -> Path:
        """The scores of a stage."""
        return self.path / "scores" / f"{stage}.json"

    def score_rows(self, stage: str) -> Path:
        """The scores of a stage row by row, for paired differences."""
        return self.path / "scores" / f"{stage}.rows.jsonl"

    def track(self, sink: str) -> Path:
        """A sink's own files."""
        return self.path / "track" / sink


def slug(text: str, longest: int = 60) -> str:
    """`text` as one safe folder name: letters (of any script), digits, dot and dash."""
    text = unicodedata.normalize("NFKC", text).lower()
    safe = re.sub(r"[^\w.]+|_+", "-", text).strip("-.")
    return safe[:longest].strip("-.") or "run"


def create_run_folder(parent: Path, name: str) -> RunFolder:
    """Make `parent/NNNN-name` with the next free number. Raises ResourceError if it cannot be made."""
    with writing(parent):
        parent.mkdir(parents=True, exist_ok=True)
        numbers = [int(m[1]) for p in parent.iterdir() if (m := NUMBERED.match(p.name))]
        number = max(numbers, default=0)
        while True:
            number += 1
            folder = parent / f"{number:04d}-{slug(name)}"
            taken = any(p.name.startswith(f"{number:04d}-") for p in parent.iterdir())
            if taken:
                continue
            try:
                folder.mkdir()
            except FileExistsError:
                continue
            # two starts at once may both have seen the number free: the first by name keeps it
            if min(p.name for p in parent.iterdir() if p.name.startswith(f"{number:04d}-")) != folder.name:
                folder.rmdir()
                continue
            return RunFolder(folder)


def open_run_folder(path: str | Path) -> RunFolder:
    """The run folder at a path, which may also be that of its config.yaml or manifest.json.

    Raises UsageError if there is no such folder or it holds no run.
    """
    folder = Path(path)
    if folder.name in ("config.yaml", "manifest.json") and folder.is_file():
        folder = folder.parent
    if not folder.is_dir():
        raise UsageError(
            Problem(say("no such run folder"), str(path), next=say("loralab ls lists the runs of a folder"))
        )
    run = RunFolder(folder.absolute())
    if not (run.manifest.is_file() or run.config.is_file()):
        raise UsageError(
            Problem(
                say("is not a run folder: it has neither manifest.json nor config.yaml"),
                str(path),
                next=say("loralab ls lists the runs of a folder"),
            )
        )
    return run
