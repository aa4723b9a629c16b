"""A run folder in, everything that is known about the run out; nothing is written and no model is needed."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from loralab.errors import Problem, UsageError
from loralab.run.events import Event, Record, read_events
from loralab.run.files import read_rows
from loralab.run.folder import NUMBERED, RunFolder, open_run_folder
from loralab.run.lock import holder_is_alive
from loralab.words import Words, say

FORMAT = 1
ENDINGS = {"run_finished": "finished", "run_failed": "failed", "run_interrupted": "interrupted"}
EPOCH_STAGE = re.compile(r"epoch-(\d+)")


@dataclass(frozen=True)
class Run:
    """A reader of one run folder. Parts that are missing, as after a kill, read as empty.

    `told` is the record, where somebody has read it already.
    """

    folder: RunFolder
    told: Record | None = None

    @property
    def id(self) -> str:
        """The folder's name, such as 0007-qwen2.5-0.5b-law."""
        return self.folder.path.name

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """manifest.json; raises UsageError for a format newer than this version reads."""
        manifest = _read_json(self.folder.manifest)
        if isinstance(manifest.get("format"), int) and manifest["format"] > FORMAT:
            raise UsageError(
                Problem(
                    say("was written by a newer loralab (format {format})", format=manifest["format"]),
                    str(self.folder.manifest),
                    next=say("pip install --upgrade loralab"),
                )
            )
        return manifest

    @cached_property
    def config(self) -> dict[str, Any]:
        """config.yaml as plain values."""
        try:
            value = yaml.safe_load(self.folder.config.read_text("utf-8"))
        except (OSError, ValueError, yaml.YAMLError):
            return {}
        return value if isinstance(value, dict) else {}

    @cached_property
    def record(self) -> Record:
        """The events."""
        return read_events(self.folder.events) if self.told is None else self.told

    @property
    def status(self) -> str:
        """finished, failed, interrupted, running, or stale (its process is gone without a word)."""
        alive = "running" if holder_is_alive(self.folder.lock) else "stale"
        return ending_of(self.record.events) or alive

    @property
    def stages(self) -> list[str]:
        """The stages that have scores or answers, in the order of time."""
        names = {p.stem for p in self.folder.path.glob("scores/*.json")}
        names |= {p.stem for p in self.folder.path.glob("predictions/*.jsonl")}
        return sorted(names, key=stage_order)

    def scores(self, stage: str) -> dict[str, dict[str, dict[str, Any]]]:
        """{task: {metric: {value, n, low, high, floor, abstention}}} of a stage; empty if not scored."""
        return _read_json(self.folder.scores(stage))

    @property
    def all_scores(self) -> dict[str, dict[str, Any]]:
        """The scores of every stage."""
        return {stage: self.scores(stage) for stage in self.stages}

    def score_rows(self, stage: str) -> list[dict[str, Any]]:
        """Row by row: {task, metric, id, value, weight}. Damaged lines are passed over, see `unreadable`."""
        return read_rows(self.folder.score_rows(stage), is_score_row)[0]

    def predictions(self, stage: str) -> list[dict[str, Any]]:
        """The answers of a stage: id, question, answer, reference, token counts, finish reason, seconds.

        Damaged lines are passed over, see `unreadable`.
        """
        return read_rows(self.folder.predictions(stage), is_prediction)[0]

    @property
    def unreadable(self) -> dict[str, int]:
        """How many lines of answers and score rows could not be read, for each file that has such lines."""
        counts: dict[str, int] = {}
        for stage in self.stages:
            for path, fits in (
                (self.folder.predictions(stage), is_prediction),
                (self.folder.score_rows(stage), is_score_row),
            ):
                counts[f"{path.parent.name}/{path.name}"] = read_rows(path, fits)[1]
        return {name: count for name, count in counts.items() if count}

    @property
    def data_report(self) -> dict[str, Any]:
        """data/report.json."""
        return _read_json(self.folder.data / "report.json")

    @property
    def data_preview(self) -> dict[str, Any]:
        """data/preview.json."""
        return _read_json(self.folder.data / "preview.json")

    def last(self, kind: str) -> Event:
        """The last event of a kind; empty if there is none."""
        events = self.record.of_kind(kind)
        return events[-1] if events else {}


def ending_of(events: Sequence[Event]) -> str:
    """finished, failed or interrupted, if the process that wrote last has said so; else nothing."""
    for event in reversed(events):
        if event["kind"] in ENDINGS:
            return ENDINGS[event["kind"]]
        if event["kind"] in ("run_started", "run_resumed"):
            break
    return ""


def is_prediction(row: Mapping[str, Any]) -> bool:
    """Whether a line of predictions/ holds what its readers need."""
    return all(isinstance(row.get(key), str) for key in ("id", "answer", "reference", "finish_reason"))


def is_score_row(row: Mapping[str, Any]) -> bool:
    """Whether a line of scores/*.rows.jsonl holds what its readers need; numbers may be "NaN" and the like."""
    return all(isinstance(row.get(key), str) for key in ("task", "metric", "id")) and all(
        _is_number(row.get(key)) for key in ("value", "weight")
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) or value in ("NaN", "Infinity", "-Infinity")


def stage_order(stage: str) -> tuple[int, int, str]:
    """Sort key of stage names: before, epoch-1, epoch-2, ..., after."""
    match = EPOCH_STAGE.fullmatch(stage)
    if match:
        return (1, int(match[1]), stage)
    return ({"before": 0, "after": 2}.get(stage, 3), 0, stage)


def stage_name(stage: str) -> Words:
    """A stage for people: before, epoch 1, after."""
    if match := EPOCH_STAGE.fullmatch(stage):
        return say("epoch {number}", number=match[1])
    return {"before": say("before"), "after": say("after")}.get(stage, say("{stage}", stage=stage))


def open_run(path: str | Path) -> Run:
    """The run in a folder. Raises UsageError if there is none or its format is newer."""
    run = Run(open_run_folder(path))
    _ = run.manifest
    return run


def list_runs(parent: Path) -> Iterator[Run]:
    """The runs below a folder, by number. Folders that hold no run are passed over."""
    if not parent.is_dir():
        return
    for folder in sorted(parent.iterdir(), key=_by_number):
        if folder.is_dir() and (NUMBERED.match(folder.name) or (folder / "manifest.json").is_file()):
            yield Run(RunFolder(folder.absolute()))


def _by_number(folder: Path) -> tuple[float, str]:
    match = NUMBERED.match(folder.name)
    return (int(match[1]) if match else math.inf, folder.name)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
