"""The task `general`: prompts whose answers a rule can check in, whether each rule is met out.

It tells whether a model tuned on one field still does what it is told elsewhere, in the language it is told in,
and comes to an end. It shows large losses: with 24 prompts no small ones.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from loralab.data.conversation import Conversation, Message
from loralab.data.record import Record
from loralab.errors import DataError, Problem
from loralab.evaluate.general.rules import LANGUAGES, language_of, meets, problem_of
from loralab.evaluate.tasks.base import Answered, Item, RowScore, Task
from loralab.evaluate.tasks.reference import repetition
from loralab.evaluate.tasks.rows import convert, own_id, read_records, text
from loralab.words import Words, say

PROMPTS = Path(__file__).with_name("prompts.jsonl")
EXAMPLE = '{"rule": {"lines": 3}, "language": "zh"}'
SHOWN = 60  # characters of a reference in a message


def questions(path: Path) -> list[Item]:
    """The prompts of a file with question, rule and, where one can be told, the language of a right answer.

    The reference of an item is its rule as JSON, so that predictions can be scored without the file.
    Raises DataError with file:line for a row without question or with a rule that is none.
    """
    return convert(read_records(path), _item)


def _item(number: int, record: Record) -> Item:
    question, value = text(record, "question"), record.value
    if problem := _problem(value):
        raise DataError(Problem(problem, record.place))
    checked = {key: value[key] for key in ("rule", "language") if value.get(key) is not None}
    return Item(
        own_id(value, number),
        Conversation((Message("user", question),)),
        question,
        json.dumps(checked, ensure_ascii=False),
    )


def _problem(value: Mapping[str, Any]) -> Words | None:
    language = value.get("language")
    if language is not None and language not in LANGUAGES:
        return say("language must be zh or en, found {language!r}", language=language)
    return problem_of(value.get("rule"))


def score(rows: Sequence[Answered]) -> list[RowScore]:
    """1 for an answer that meets its rule, 0 for one that does not; an empty answer abstains.

    Extras: right_language, for prompts whose answer has one; repetition; ended, 1 if the answer ended by itself
    (finish_reason stop), where that is known. Raises DataError for references that are no rules.
    """
    checks = [_read(number, row.reference) for number, row in enumerate(rows)]
    return [_score_row(row, check) for row, check in zip(rows, checks, strict=True)]


def _read(number: int, reference: str) -> dict[str, Any]:
    try:
        value = json.loads(reference)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict) or _problem(value):
        what = say("the reference {text!r} is none of {task}, such as {example!r}",
                   text=reference[:SHOWN], task="general", example=EXAMPLE)  # fmt: skip
        raise DataError(
            Problem(
                say("answer {n}, counted from 0: {problem}", n=number, problem=what),
                next=say("score answers with the task that their questions belong to"),
            )
        )
    return value


def _score_row(row: Answered, check: Mapping[str, Any]) -> RowScore:
    extra = {"repetition": repetition(row.answer)}
    if check.get("language") is not None:
        extra["right_language"] = float(language_of(row.answer) == check["language"])
    if row.data.get("finish_reason") is not None:
        extra["ended"] = float(row.data["finish_reason"] == "stop")
    return RowScore(float(meets(row.answer, check["rule"])), abstained=not row.answer.strip(), extra=extra)


GENERAL = Task("general", "accuracy", "general/1", questions, score, max_new_tokens=64, own_questions=PROMPTS)
