"""A task and a prediction file in, its scores with interval, floor and abstention out; no model is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from loralab.data.conversation import Conversation, Message
from loralab.errors import Problem, UsageError
from loralab.evaluate.joining import Joined, join, refuse_missing
from loralab.evaluate.predictions import Prediction, read_predictions
from loralab.evaluate.statistics import weighted_mean
from loralab.evaluate.tasks.base import Answered, Item, RowScore, Task
from loralab.evaluate.tasks.rows import refuse
from loralab.words import Words, say

Missing = Literal["error", "wrong"]


@dataclass(frozen=True)
class Result:
    """The scores of one task.

    `score` is the mean over the `n` rows that count, with its 95 % interval from `low` to `high`; None where
    there are too few. `abstention` is the share of all rows in whose answer nothing was found, as official
    scorers count. `lenient` and `extra` are means over the rows that have them. `rows` are in the order of the
    questions. `missing` rows had no prediction and count as wrong. `warnings` say what was left out or ignored.
    """

    task: str
    metric: str
    version: str
    n: int
    score: float | None
    abstention: float
    low: float | None
    high: float | None
    lenient: float | None
    floor: float | None
    missing: int
    ids: tuple[str, ...]
    rows: tuple[RowScore, ...]
    extra: Mapping[str, float] = field(default_factory=dict)
    warnings: tuple[Words, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The result as a JSON document; `rows` are the values alone, null for a row left out."""
        return {
            "task": self.task, "n": self.n, "score": self.score, "abstention": self.abstention,
            "low": self.low, "high": self.high, "lenient": self.lenient, "floor": self.floor,
            "metric": self.metric, "version": self.version, "extra": dict(self.extra), "missing": self.missing,
            "warnings": [str(words) for words in self.warnings],
            "ids": list(self.ids), "rows": [row.value for row in self.rows],
        }  # fmt: skip


def score_file(
    task: Task, predictions: Path, questions: Path | None = None, missing: Missing = "error"
) -> Result:
    """The scores of a prediction file; without `questions` its own references are used.

    Where it holds none, they are those of the questions that the task brings along, if it brings any.

    Raises UsageError for a file that does not exist and for predictions without any reference; DataError for
    rows that cannot be read, predictions that belong to no question, and, unless `missing` is "wrong", for
    questions without prediction.
    """
    answers = read_predictions(predictions, whole=questions is None)
    if questions is None and all(answer.reference is None for answer in answers):
        questions = task.own_questions
    if questions is None:
        return score_answers(task, _own_items(task, answers, predictions), answers)
    items = task.questions(questions)
    joined = join(items, answers)
    if missing == "error":
        refuse_missing(items, joined, predictions)
    return score_answers(task, items, joined)


def score_answers(task: Task, items: Sequence[Item], answers: Sequence[Prediction | None]) -> Result:
    """The scores of one answer for each item; an item without answer counts as wrong."""
    scored = task.score(
        [
            Answered(item.reference, p.answer if p else "", {**item.data, **(p.data if p else {})})
            for item, p in zip(items, answers, strict=True)
        ]
    )
    rows = [row if p else _wrong(row) for row, p in zip(scored, answers, strict=True)]
    counted = [(item, row.value) for item, row in zip(items, rows, strict=True) if row.value is not None]
    mean = weighted_mean([value for _, value in counted]) if counted else None
    return Result(
        task.name, task.metric, task.version, len(counted),
        mean.value if mean else None,
        sum(row.abstained for row in rows) / len(rows),
        mean.low if mean else None,
        mean.high if mean else None,
        _mean([row.lenient for row in rows if row.lenient is not None]),
        task.floor([item.reference for item, _ in counted]) if counted else None,
        sum(p is None for p in answers),
        tuple(item.id for item in items),
        tuple(rows),
        _extra(rows),
        tuple(_warnings(items, rows, answers)),
    )  # fmt: skip


def _wrong(row: RowScore) -> RowScore:
    """The score of a question without prediction; one that the official scorer leaves out stays out."""
    zero = None if row.value is None else 0.0
    return RowScore(zero, abstained=True, lenient=None if row.lenient is None else 0.0)


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _extra(rows: Sequence[RowScore]) -> dict[str, float]:
    names = dict.fromkeys(name for row in rows for name in row.extra)
    means = {name: _mean([row.extra[name] for row in rows if name in row.extra]) for name in names}
    return {name: mean for name, mean in means.items() if mean is not None}


def _warnings(items: Sequence[Item], rows: Sequence[RowScore], answers: Joined | Sequence[Prediction | None]) -> list[Words]:  # fmt: skip
    left_out = sum(row.value is None for row in rows)
    differing = sum(
        p is not None and p.reference is not None and p.reference.strip() != item.reference.strip()
        for item, p in zip(items, answers, strict=True)
    )
    missing = sum(p is None for p in answers)
    warnings = []
    if left_out == len(rows):
        warnings.append(say("no answer could be scored: the task leaves out all {n} rows", n=left_out))
    elif left_out:
        warnings.append(
            say("{n} of {all} rows are left out of the score by the task's rule", n=left_out, all=len(rows))
        )
    if differing:
        warnings.append(
            say(
                "{n} references of the predictions differ from those of the questions file, which count",
                n=differing,
            )
        )
    if missing:
        warnings.append(say("{n} questions without prediction count as wrong", n=missing))
    return warnings


def _own_items(task: Task, predictions: Sequence[Prediction], path: Path) -> list[Item]:
    """The items that the predictions answer, from what stands in their file."""
    if all(p.reference is None for p in predictions):
        advice = say("add --questions FILE, the file of the task {task}", task=task.name)
        raise UsageError(Problem(say("the predictions hold no references"), str(path), next=advice))
    refuse(
        Problem(say("has no reference, unlike other rows"), p.place)
        for p in predictions
        if p.reference is None
    )
    return [_own_item(number, p) for number, p in enumerate(predictions)]


def _own_item(number: int, prediction: Prediction) -> Item:
    question = prediction.question or ""
    return Item(
        prediction.id or str(number),
        Conversation((Message("user", question),)),
        question,
        prediction.reference or "",
    )
