"""A prediction file of any known kind in, answers with what they answer out.

Known kinds, told apart row by row: our own JSON lines (answer with id, question, reference), result and response
CSV files of DISC-Law-Eval (model_output, or a column that ends with _response), LexEval's JSON lines (output
beside input and answer), and LawBench's one JSON object (origin_prompt, prediction, refr by number).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loralab.data.record import Record
from loralab.data.text import kind
from loralab.errors import DataError, Problem
from loralab.evaluate.tasks.choice import choices_of
from loralab.evaluate.tasks.lawbench_predictions import read_predictions as lawbench_predictions
from loralab.evaluate.tasks.rows import as_text, convert, read_records, refuse
from loralab.words import say

KEPT = ("finish_reason", "seen")  # fields of our own files that scorers look at


@dataclass(frozen=True, slots=True)
class Prediction:
    """An answer of a model. `id`, `question` and `reference` are None where the file does not say.

    `question` is what was asked, with or without the chat template and the examples around it. `data` holds
    options and other fields that scorers look at. `place` is file:line.
    """

    answer: str
    place: str
    id: str | None = None
    question: str | None = None
    reference: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


def read_predictions(path: Path, whole: bool = True) -> list[Prediction]:
    """The predictions of a file, in its order.

    `whole`: answers that a LawBench file's numbers show to be missing are an error, as no other file names them.
    Raises UsageError if there is no such file, DataError with file:line for an empty file, a row that cannot be
    read or holds no answer, and an id that stands twice.
    """
    records = read_records(path)
    if len(records) == 1 and _is_lawbench(records[0].value):
        # the keys are positions, which name no question
        return [
            Prediction(p.prediction, f"{path}:{p.key!r}", None, p.prompt, p.reference)
            for p in lawbench_predictions(path, whole)
        ]
    predictions = convert(records, lambda _, record: _prediction(record))
    _refuse_copies(predictions)
    return predictions


def _is_lawbench(value: Mapping[str, Any]) -> bool:
    return all(isinstance(row, dict) for row in value.values())


def _prediction(record: Record) -> Prediction:
    value = record.value
    name, question, reference = _fields(record)
    if value[name] is None and not record.path.lower().endswith((".csv", ".tsv", ".csv.gz", ".tsv.gz")):
        raise DataError(
            Problem(
                say("{name} is null: there is no answer", name=name), record.place,
                next=say("answer it again, or leave the row out and count it as wrong with --missing wrong"),
            )
        )  # fmt: skip
    choices = choices_of(value)
    return Prediction(
        as_text(value[name], name, record.place),
        record.place,
        _id(record),
        _optional(record, question),
        _optional(record, reference),
        {key: value[key] for key in KEPT if key in value} | ({"choices": choices} if choices else {}),
    )


def _fields(record: Record) -> tuple[str, str, str]:
    """The names of the record's fields for (answer, question, reference). Raises DataError if it has no answer."""
    keys = record.value.keys()
    answers = [key for key in keys if key == "model_output" or key.endswith("_response")]
    if "prediction" in keys:
        return (
            "prediction",
            _first(keys, "origin_prompt", "question", "input"),
            _first(keys, "refr", "reference"),
        )
    if len(answers) == 1:
        return answers[0], _first(keys, "input", "question"), _first(keys, "output", "reference")
    if "answer" in keys and not {"input", "output"} <= keys:
        return "answer", _first(keys, "question", "input"), "reference"
    if {"input", "output", "answer"} <= keys:
        return "output", "input", "answer"
    names = ", ".join(map(repr, keys))
    what = say("holds no answer; its fields are: {keys}", keys=names)
    fields = say("name the field of the answers answer, prediction or model_output")
    raise DataError(Problem(what, record.place, next=fields))


def _first(keys: Any, *names: str) -> str:
    return next((name for name in names if name in keys), names[0])


def _id(record: Record) -> str | None:
    found = record.value.get("id")
    if found is None or found == "":
        return None
    if isinstance(found, bool) or not isinstance(found, (str, int)):
        what = say("{name} must be text, found {kind}", name="id", kind=kind(found))
        raise DataError(Problem(what, record.place))
    return str(found)


def _optional(record: Record, name: str) -> str | None:
    value = record.value.get(name)
    return None if value is None else as_text(value, name, record.place)


def _refuse_copies(predictions: Sequence[Prediction]) -> None:
    seen: dict[str, Prediction] = {}
    problems = []
    for prediction in predictions:
        if prediction.id is None:
            continue
        first = seen.setdefault(prediction.id, prediction)
        if first is not prediction:
            what = say(
                "the id {id!r} has been answered already, at {place}", id=prediction.id, place=first.place
            )
            problems.append(Problem(what, prediction.place))
    refuse(problems)
