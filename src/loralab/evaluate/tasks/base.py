"""What a benchmark is: a name, questions from a file, and a pure function from answers to scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loralab.data.conversation import Conversation


@dataclass(frozen=True, slots=True)
class Item:
    """One question of a benchmark.

    `id` is its own, or its number in the file from 0; `conversation` is what a model is asked, ending with the
    user's turn; `question` is the bare question by which predictions are joined; `reference` is the gold answer
    as the official scorer reads it; `data` holds what else a scorer needs, such as choices.
    """

    id: str
    conversation: Conversation
    question: str
    reference: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RowScore:
    """The score of one answer, from 0 to 1.

    `value` is None where the official scorer leaves the item out of its mean. `lenient` is the score under a
    more forgiving reading of the answer, where there is one. `extra` are side metrics of this answer by name.
    """

    value: float | None
    abstained: bool = False
    lenient: float | None = None
    extra: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answered:
    """An item's reference and data with an answer to it: all that a scorer may look at."""

    reference: str
    answer: str
    data: Mapping[str, Any] = field(default_factory=dict)


Questions = Callable[[Path], list[Item]]
Score = Callable[[Sequence[Answered]], list[RowScore]]
Floor = Callable[[Sequence[str]], float | None]


def no_floor(references: Sequence[str]) -> float | None:
    """The floor of a task for which guessing has no meaning."""
    return None


@dataclass(frozen=True)
class Task:
    """A benchmark. `metric` names what `score` gives, such as accuracy, f1 or rouge_l, with its version.

    `questions` reads the user's file: it raises DataError with file:line for a row that is none.
    `floor` is what the best guess without reading the questions scores on these references, where that means
    something. `max_new_tokens` is how long an answer may be where the caller says nothing. `own_questions` is the
    file that a task brings along, read where the caller names none.
    """

    name: str
    metric: str
    version: str
    questions: Questions
    score: Score
    floor: Floor = no_floor
    max_new_tokens: int = 512
    own_questions: Path | None = None
