"""A run's stage or an evaluation in, one side of a comparison out: scores, score rows, answers, what is odd about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loralab.errors import Problem, UsageError
from loralab.evaluate.eval_record import Evaluation
from loralab.run.view import Run, stage_name
from loralab.words import Words, say

Key = tuple[str, str]  # task, metric
Source = Run | Evaluation


@dataclass(frozen=True)
class Side:
    """A run at one stage, or a finished evaluation, whose stage is empty.

    rows are {(task, metric): {id: score row}}, answers {(task, id): prediction}. A prediction that names no task
    has an empty one.
    """

    label: str
    source: Source
    stage: str
    scores: Mapping[str, Mapping[str, Mapping[str, Any]]]
    rows: Mapping[Key, Mapping[str, Mapping[str, Any]]]
    answers: Mapping[tuple[str, str], Mapping[str, Any]]
    notes: Sequence[Words] = field(default=())

    @property
    def run(self) -> Run | None:
        """The run; None for an evaluation, which has no training."""
        return self.source if isinstance(self.source, Run) else None

    @property
    def path(self) -> Path:
        """The folder that all this was read from."""
        return self.source.folder.path if isinstance(self.source, Run) else self.source.path

    @property
    def status(self) -> str:
        """That of the run; an evaluation is finished."""
        return self.source.status if isinstance(self.source, Run) else "finished"

    @property
    def fingerprint(self) -> Mapping[str, Any]:
        """The fingerprint of everything that was asked; one that is a bare hash has no parts."""
        found = (
            self.source.manifest.get("evaluation_fingerprint")
            if isinstance(self.source, Run)
            else self.source.document["fingerprint"]
        )
        return {"hash": found} if isinstance(found, str) else _dict(found)

    @property
    def decoding(self) -> Mapping[str, Any]:
        """How the answers were made."""
        document = self.source.manifest if isinstance(self.source, Run) else self.source.document
        return _dict(document.get("decoding"))

    @property
    def about(self) -> Words:
        """What stands below its label: the stage, or the model that was evaluated."""
        if isinstance(self.source, Run):
            return stage_name(self.stage)
        return say("{model}", model=self.source.model_name)

    def answer(self, task: str, row_id: str) -> Mapping[str, Any]:
        """The prediction that a score row is of; empty if none is recorded. Tasks may number their questions alike."""
        return self.answers.get((task, row_id)) or self.answers.get(("", row_id)) or {}


def make_sides(chosen: Sequence[tuple[Source, str]]) -> list[Side]:
    """The sides of (run, stage) and (evaluation, "") pairs. Raises UsageError naming every stage that is not scored."""
    problems = [
        problem
        for source, stage in chosen
        if isinstance(source, Run) and (problem := _unscored(source, stage))
    ]
    if problems:
        raise UsageError(*problems)
    paths = [source.folder.path if isinstance(source, Run) else source.path for source, _ in chosen]
    labels = side_labels([(path, stage) for path, (_, stage) in zip(paths, chosen, strict=True)])
    return [
        _of_run(label, source, stage) if isinstance(source, Run) else _of_evaluation(label, source)
        for label, (source, stage) in zip(labels, chosen, strict=True)
    ]


def first_and_last(run: Run) -> list[Side]:
    """The sides of the first and of the last stage that a run scored; empty if it scored fewer than two."""
    scored = [stage for stage in run.stages if _unscored(run, stage) is None]
    return make_sides([(run, scored[0]), (run, scored[-1])]) if len(scored) > 1 else []


def side_labels(chosen: Sequence[tuple[Path, str]]) -> list[str]:
    """A name for each side, no two alike: the folder's, with stage and parent where they are needed."""
    several_stages = len({stage for _, stage in chosen if stage}) > 1
    of_names: dict[str, set[Path]] = {}
    for path, _ in chosen:
        of_names.setdefault(path.name, set()).add(path)
    labels = []
    for path, stage in chosen:
        name = f"{path.parent.name}/{path.name}" if len(of_names[path.name]) > 1 else path.name
        labels.append(f"{name}:{stage}" if several_stages and stage else name)
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


def _of_run(label: str, run: Run, stage: str) -> Side:
    rows, twice = _by_id(run.score_rows(stage))
    notes = _notes(label, run, stage, twice)
    return Side(label, run, stage, _entries(run.scores(stage)), rows, _answers(run.predictions(stage)), notes)


def _of_evaluation(label: str, found: Evaluation) -> Side:
    asked = len(found.answers)
    limit = say("{run}: the first {n} of {all} questions were asked",
                run=label, n=asked, all=asked + found.left_out)  # fmt: skip
    return Side(
        label, found, "", _entries(found.scores), _by_id(found.rows)[0], _answers(found.answers),
        [limit] if found.left_out else [],
    )  # fmt: skip


def _by_id(score_rows: Sequence[Mapping[str, Any]]) -> tuple[dict[Key, dict[str, Mapping[str, Any]]], int]:
    """{(task, metric): {id: row}}, and how many rows have an id that came before; the first counts."""
    rows: dict[Key, dict[str, Mapping[str, Any]]] = {}
    twice = 0
    for row in score_rows:
        mine = rows.setdefault((row["task"], row["metric"]), {})
        twice += row["id"] in mine
        mine.setdefault(row["id"], row)
    return rows, twice


def _answers(predictions: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], Mapping[str, Any]]:
    answers: dict[tuple[str, str], Mapping[str, Any]] = {}
    for prediction in predictions:
        answers.setdefault((str(prediction.get("task") or ""), prediction["id"]), prediction)
    return answers


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


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
