"""A folder of `loralab eval` in, the finished evaluation that it holds out: what was asked, answers, scores, score rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from loralab.data.conversation import Conversation, Message
from loralab.errors import Problem, UsageError
from loralab.evaluate.eval_folder import FORMAT, EvalFolder, Row, as_prediction, is_answer
from loralab.evaluate.scoring import score_answers
from loralab.evaluate.task_scores import Scores, score_rows
from loralab.evaluate.tasks.all import find_task
from loralab.evaluate.tasks.base import Item, Task
from loralab.model.small_files import read_object
from loralab.run.files import read_rows, sha256
from loralab.words import Words, say

ROUNDING = 1e-9  # of scores: what differs by less was added up by another version of numpy


@dataclass(frozen=True)
class Evaluation:
    """A finished evaluation; `rows` are {task, metric, id, value, weight} of each answer and metric."""

    path: Path
    document: Mapping[str, Any]
    answers: tuple[Row, ...]
    scores: Scores
    rows: tuple[Row, ...]

    @property
    def task(self) -> str:
        """The name of the task that was asked."""
        return str(self.document["task"])

    @property
    def left_out(self) -> int:
        """How many questions of the file were beyond the limit."""
        questions = self.document["questions"]
        return int(questions.get("count", questions["asked"])) - int(questions["asked"])

    @property
    def base_name(self) -> str:
        """The model's own name, without folders."""
        return PurePath(str(self.document["model"].get("name"))).name

    @property
    def model_name(self) -> str:
        """The model's own name with that of its adapter, if it has one."""
        adapter, name = (self.document.get("adapter") or {}).get("folder"), self.base_name
        return f"{name} + {'/'.join(PurePath(str(adapter)).parts[-2:])}" if adapter else name


def is_evaluation(path: Path) -> bool:
    """Whether a path is a folder that `loralab eval` has written to."""
    return EvalFolder(path).document.is_file()


def open_evaluation(path: Path) -> Evaluation:
    """The evaluation in a folder; its answers are scored again, row by row, without a model.

    Raises UsageError for one that is not finished, is damaged or was edited, or was scored by another version.
    """
    folder = EvalFolder(path.absolute())
    document = _read(folder, folder.document.name)
    if not _is_whole(document):
        raise _refused(folder, say("was not written by this version of loralab eval"))
    if not folder.is_finished:
        raise UsageError(_unfinished(folder, document))
    answers = _answers(folder, document)
    task = find_task(document["task"])
    if task.version != document["task_version"]:
        raise _refused(
            folder,
            say("was scored with {old}, this version of loralab scores with {new}",
                old=document["task_version"], new=task.version),
        )  # fmt: skip
    scores = _read(folder, folder.scores.name)
    result = score_answers(task, _items(task, document, answers), [as_prediction(row) for row in answers])
    rows = score_rows(result)
    _refuse_other_scores(folder, scores, rows)
    known = [row for row in rows if row["metric"] in scores.get(row["task"], {})]
    return Evaluation(folder.path, document, tuple(answers), scores, tuple(known))


def _read(folder: EvalFolder, name: str) -> dict[str, Any]:
    value, problem = read_object(folder.path, name)
    if problem:
        raise UsageError(problem)
    return value


def _is_whole(document: Mapping[str, Any]) -> bool:
    """Whether eval.json holds what a comparison rests on."""
    texts = all(isinstance(document.get(name), str) for name in ("task", "task_version", "metric"))
    parts = ("questions", "fingerprint", "decoding", "model")
    return (
        document.get("format") == FORMAT
        and texts
        and all(isinstance(document.get(name), dict) for name in parts)
        and isinstance(document["questions"].get("asked"), int)
    )


def _unfinished(folder: EvalFolder, document: Mapping[str, Any]) -> Problem:
    there = len({row["id"] for row in read_rows(folder.partial, is_answer)[0]})
    what = say("this evaluation is not finished: {there} of {asked} answers are there",
               there=there, asked=document["questions"]["asked"])  # fmt: skip
    return Problem(what, str(folder.path), next=say("the same loralab eval command again goes on with it"))


def _answers(folder: EvalFolder, document: Mapping[str, Any]) -> list[Row]:
    rows, damaged = read_rows(folder.predictions, is_answer)
    asked = document["questions"]["asked"]
    there = len({row["id"] for row in rows})
    if damaged or there != asked or len(rows) != asked:
        what = say("holds {there} of {asked} answers that can be read", there=there, asked=asked)
        raise _refused(folder, what, folder.predictions)
    return rows


def _items(task: Task, document: Mapping[str, Any], answers: Sequence[Row]) -> list[Item]:
    """What was asked: from the questions file if it is still the same one, else as far as the answers tell.

    Only the file knows all that a scorer may look at, such as the letters of the options.
    """
    asked = document["questions"]
    path = Path(str(asked.get("path")))
    if path.is_file() and sha256(path) == asked.get("sha256"):
        items = task.questions(path)[: len(answers)]
        if [item.id for item in items] == [row["id"] for row in answers]:
            return items
    return [
        Item(row["id"], Conversation((Message("user", row["question"]),)), row["question"], row["reference"])
        for row in answers
    ]


def _refuse_other_scores(folder: EvalFolder, scores: Mapping[str, Any], rows: Sequence[Row]) -> None:
    """Raise UsageError if a mean of the rows is not the value of scores.json."""
    for task, metrics in scores.items():
        for metric, entry in metrics.items() if isinstance(metrics, dict) else ():
            values = [r["value"] for r in rows if (r["task"], r["metric"]) == (task, metric)]
            if not _is_mean(entry, values):
                what = say("{name}: the answers do not give this score again", name=f"{task}/{metric}")
                raise _refused(folder, what, folder.scores)


def _is_mean(entry: Any, values: Sequence[float]) -> bool:
    if not isinstance(entry, dict) or entry.get("n") != len(values):
        return False
    stored = entry.get("value")
    if not values:
        return stored is None
    mean = math.fsum(values) / len(values)
    return isinstance(stored, (int, float)) and math.isclose(stored, mean, rel_tol=ROUNDING, abs_tol=ROUNDING)


def _refused(folder: EvalFolder, what: Words, where: Path | None = None) -> UsageError:
    advice = say("evaluate again into another --out")
    return UsageError(Problem(what, str(where or folder.document), next=advice))
