"""What a LawBench task is made of: how a reference is read, how one answer is scored against it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from loralab.errors import DataError, Problem
from loralab.evaluate.tasks.base import Answered, RowScore
from loralab.words import Words, say

SHOWN = 60  # characters of a text in a message


@dataclass(frozen=True)
class Rule:
    """`read` turns a reference into what `row` compares an answer with; None where the text is no reference.

    `row` is a pure function of the answer and what was read, as the official function called on one item.
    `example` is a reference as the benchmark writes it.
    """

    metric: str
    read: Callable[[str], Any]
    row: Callable[[str, Any], RowScore]
    example: str
    max_new_tokens: int = 512


def score_answers(name: str, rule: Rule, answered: Sequence[Answered]) -> list[RowScore]:
    """The score of each answer, in order. Raises DataError for a reference that is none of the task `name`."""
    return [rule.row(one.answer, _gold(name, rule, number, one)) for number, one in enumerate(answered)]


def _gold(name: str, rule: Rule, number: int, one: Answered) -> Any:
    gold = rule.read(one.reference)
    if gold is None:
        raise DataError(
            Problem(
                say(
                    "answer {n}, counted from 0: {problem}",
                    n=number,
                    problem=no_reference(name, rule, one.reference),
                ),
                next=say("score answers with the task that their questions belong to"),
            )
        )
    return gold


def no_reference(name: str, rule: Rule, text: str) -> Words:
    """That a text is no reference of the task, in words."""
    return say(
        "the reference {text!r} is none of {task}, such as {example!r}",
        text=text if len(text) <= SHOWN else text[:SHOWN] + "…",
        task=name,
        example=rule.example,
    )


def set_f1(gold: set[Any], found: set[Any]) -> float:
    """Harmonic mean of precision and recall of two sets; 0 where one is empty."""
    common = len(gold & found)
    if not common:
        return 0.0
    precision, recall = common / len(found), common / len(gold)
    return 2 * precision * recall / (precision + recall)
