"""Answers beside reference answers in, how alike they are out: ROUGE-L or exact match, with signs of trouble."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from loralab.data.conversation import Conversation, Message
from loralab.data.record import Record
from loralab.evaluate.rouge import VERSION, rouge_l
from loralab.evaluate.tasks.base import Answered, Item, RowScore, Task
from loralab.evaluate.tasks.rows import convert, own_id, read_records, text

GRAM = 8  # characters
QUESTION_FIELDS = ("question", "input", "instruction", "query")
REFERENCE_FIELDS = ("reference", "answer", "output", "response")

Metric = Callable[[str, str], float]


def exact_match(answer: str, reference: str) -> float:
    """1 if both are the same but for white space around them."""
    return float(answer.strip() == reference.strip())


def repetition(answer: str) -> float:
    """The share of an answer's 8-character pieces that have stood in it before; from 0 to below 1."""
    pieces = [answer[i : i + GRAM] for i in range(len(answer) - GRAM + 1)]
    return 1 - len(set(pieces)) / len(pieces) if pieces else 0.0


def signs(answer: str, reference: str, finish_reason: str | None) -> dict[str, float]:
    """length_ratio, characters of the answer over those of the reference, which may not be blank; repetition; ended.

    `ended` is 1 if the answer ended by itself (finish_reason stop); absent where that is not known.
    """
    found = {
        "length_ratio": len(answer.strip()) / len(reference.strip()),
        "repetition": repetition(answer),
    }
    return found if finish_reason is None else found | {"ended": float(finish_reason == "stop")}


def _score_row(row: Answered, metric: Metric) -> RowScore:
    abstained = not row.answer.strip()
    if not row.reference.strip() or row.data.get("seen"):
        return RowScore(None, abstained=abstained)
    values = {
        "rouge_l": rouge_l(row.answer, row.reference),
        "exact_match": exact_match(row.answer, row.reference),
    }
    value = values.pop(metric.__name__)
    extra = values | signs(row.answer, row.reference, row.data.get("finish_reason"))
    return RowScore(value, abstained=abstained, extra=extra)


def score(rows: Sequence[Answered], metric: Metric) -> list[RowScore]:
    """The metric of each answer; a row without reference, or one that was trained on (`seen`), is left out.

    Extras: the other metric, and the `signs` of the answer.
    """
    return [_score_row(row, metric) for row in rows]


def _item(number: int, record: Record) -> Item:
    question = text(record, *QUESTION_FIELDS)
    return Item(
        own_id(record.value, number),
        Conversation((Message("user", question),)),
        question,
        text(record, *REFERENCE_FIELDS),
    )


def questions(path: Path) -> list[Item]:
    """The items of a file with question and reference (or input and output ...). Raises DataError with file:line."""
    return convert(read_records(path), _item)


REFERENCE: dict[str, Task] = {
    "rouge_l": Task("rouge_l", "rouge_l", VERSION, questions, partial(score, metric=rouge_l)),
    "exact_match": Task(
        "exact_match", "exact_match", "exact_match/1", questions, partial(score, metric=exact_match)
    ),
}
