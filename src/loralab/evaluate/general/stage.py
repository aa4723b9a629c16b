"""The general check within a run: its prompts as questions in, score rows of their answers out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from loralab.data.conversation import Conversation, Message
from loralab.evaluate.general.task import GENERAL, PROMPTS
from loralab.evaluate.questions import Question
from loralab.evaluate.tasks.base import Answered

SET: Final = "general"
VERSION = f"{GENERAL.name}:{GENERAL.version}"


def general_questions(system: str | None) -> tuple[Question, ...]:
    """The built-in prompts as questions of a run, under its system message; the reference is the rule."""
    items = GENERAL.questions(PROMPTS)
    talks = [
        Conversation((*item.conversation.messages, Message("assistant", item.reference))) for item in items
    ]
    return tuple(
        Question(item.id, SET, False, talk.with_system(system))
        for item, talk in zip(items, talks, strict=True)
    )


def answer_tokens(longest: int) -> int:
    """How long an answer to a built-in prompt may be, in tokens, where the run's own may be `longest`."""
    return min(longest, GENERAL.max_new_tokens)


def general_rows(predictions: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One row for each metric and each answer to a built-in prompt: {task, metric, id, value, weight}."""
    mine = [p for p in predictions if p.get("set") == SET]
    answered = [
        Answered(p["reference"], p["answer"], {"finish_reason": p.get("finish_reason")}) for p in mine
    ]
    rows = []
    for prediction, found in zip(mine, GENERAL.score(answered), strict=True):
        values = {GENERAL.metric: found.value, **found.extra}
        for metric, value in values.items():
            row = {
                "task": GENERAL.name,
                "metric": metric,
                "id": prediction["id"],
                "value": value,
                "weight": 1,
            }
            rows.append(row | {"empty": True} if found.abstained else row)
    return rows
