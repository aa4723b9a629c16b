"""A run and a stage in, one side of a comparison out: scores, score rows and answers, with what is odd about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loralab.errors import Problem, UsageError
from loralab.run.view import Run
from loralab.words import Words, say

Key = tuple[str, str]  # task, metric


@dataclass(frozen=True)
class Side:
    """One run at one stage; rows are {(task, metric): {id: score row}}, answers {(task, id): prediction}.

    A prediction that names no task has an empty one.
    """

    label: str
    run: Run
    stage: str
    scores: Mapping[str, Mapping[str, Mapping[str, Any]]]
    rows: Mapping[Key, Mapping[str, Mapping[str, Any]]]
    answers: Mapping[tuple[str, str], Mapping[str, Any]]
    notes: Sequence[Words] = field(default=())

    @property
    def manifest(self) -> dict[str, Any]:
        """The run's manifest."""
        return self.run.manifest

    def answer(self, task: str, row_id: str) -> Mapping[str, Any]:
        """The prediction that a score row is of; empty if none is recorded. Tasks may number their questions alike."""
        return self.answers.get((task, row_id)) or self.answers.get(("", row_id)) or {}


def make_sides(chosen: Sequence[tuple[Run, str]]) -> list[Side]:
    """The sides of (run, stage) pairs. Raises UsageError naming every one that is not scored."""
    problems = [problem for run, stage in chosen if (problem := _unscored(run, stage))]
    if problems:
        raise UsageError(*problems)
    labels = side_labels([(run.folder.path, stage) for run, stage in chosen])
    return [_side(label, run, stage) for label, (run, stage) in zip(labels, chosen, strict=True)]


def side_labels(chosen: Sequence[tuple[Path, str]]) -> list[str]:
    """A name for each side, no two alike: the folder's, with stage and parent where they are needed."""
    several_stages = len({stage for _, stage in chosen}) > 1
    of_names: dict[str, set[Path]] = {}
    for path, _ in chosen:
        of_names.setdefault(path.name, set()).add(path)
    labels = []
    for path, stage in chosen:
        name = f"{path.parent.name}/{path.name}" if len(of_names[path.name]) > 1 else path.name
        labels.append(f"{name}:{stage}" if several_stages else name)
    return list(_numbered(labels))


def _numbered(labels: Sequence[str]) -> list[str]:
    """Labels that come again have their number behind them."""
    seen: Counter[str] = Counter()
    result = []
    for label in labels:
        seen[label] += 1
        result.append(label if seen[label] == 1 else f"{label} ({seen[label]})")
    return result


def _unscored(run: Run, stage: str) -> Problem | None:
    if run.scores(stage) and run.score_rows(stage):
        return None
    scored = [name for name in run.stages if run.scores(name) and run.score_rows(name)]
    if not scored:
        return Problem(
            say("no stage of this run is scored: there is nothing to compare"),
            str(run.folder.path),
            next=say("loralab show {path}", path=run.folder.path),
        )
    return Problem(
        say("stage {stage} is not scored; scored are: {stages}", stage=stage, stages=", ".join(scored)),
        str(run.folder.path),
        next=say("choose one of them with --stage"),
    )


def _side(label: str, run: Run, stage: str) -> Side:
    rows: dict[Key, dict[str, Mapping[str, Any]]] = {}
    twice = 0
    for row in run.score_rows(stage):
        mine = rows.setdefault((row["task"], row["metric"]), {})
        twice += row["id"] in mine
        mine.setdefault(row["id"], row)
    answers: dict[tuple[str, str], Mapping[str, Any]] = {}
    for prediction in run.predictions(stage):
        answers.setdefault((str(prediction.get("task") or ""), prediction["id"]), prediction)
    return Side(
        label, run, stage, _entries(run.scores(stage)), rows, answers, _notes(label, run, stage, twice)
    )


def _entries(scores: Mapping[str, Any]) -> dict[str, dict[str, dict[str, Any]]]:
    """The scores without what is none, as in a file that was edited."""
    return {
        task: {metric: entry for metric, entry in found.items() if isinstance(entry, dict)}
        for task, found in scores.items()
        if isinstance(found, dict)
    }


def _notes(label: str, run: Run, stage: str, twice: int) -> list[Words]:
    notes = []
    if run.status != "finished":
        notes.append(say("{run} did not finish: what it had scored is compared", run=label))
    if twice:
        notes.append(
            say("{run}: {n} score rows have an id that came before; the first counts", run=label, n=twice)
        )
    for name, count in run.unreadable.items():
        if name in (f"predictions/{stage}.jsonl", f"scores/{stage}.rows.jsonl"):
            notes.append(say("{run}: {n} lines of {file} cannot be read", run=label, n=count, file=name))
    return notes
