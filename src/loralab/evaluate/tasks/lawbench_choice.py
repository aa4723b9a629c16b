"""A gold option in, whether an answer chooses it out: LawBench's multiple choice, letters as well as topics."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

from loralab.evaluate.tasks.base import RowScore
from loralab.evaluate.tasks.lawbench_labels import TOPICS
from loralab.evaluate.tasks.lawbench_rule import Rule

LETTER_GOLD = re.compile(r"(?:正确答案[:：]|\[正确答案\])([A-E])")
# In this order: behind the words that the questions ask for, standing alone, anywhere
MARKED = re.compile(r"正确答案\]?\s*[:是为]*\s*([A-E])")
ALONE = re.compile(r"(?<![A-Za-z])([A-E])(?![A-Za-z])")
ANYWHERE = re.compile(r"([A-E])")


def _letter(reference: str, options: str) -> str | None:
    gold = LETTER_GOLD.match(reference)
    return gold[1] if gold and gold[1] in options else None


def _topic(reference: str) -> str | None:
    return reference if reference in TOPICS else None


def only_option(answer: str, gold: str, options: Sequence[str]) -> tuple[float, bool]:
    """(1 if the gold option stands anywhere in the answer and no other does, whether none stands there)."""
    found = [option for option in options if option in answer]
    return float(found == [gold]), not found


def first_letter(answer: str, options: str) -> str | None:
    """The letter that a person would take for the answer: marked, else alone, else the first.

    Full-width letters count; small ones where the answer is nothing else.
    """
    text = unicodedata.normalize("NFKC", answer)
    for pattern in (MARKED, ALONE, ANYWHERE):
        letter = next((m[1] for m in pattern.finditer(text) if m[1] in options), None)
        if letter:
            return letter
    bare = text.strip(" \t\r\n.。()[]").upper()
    return bare if len(bare) == 1 and bare in options else None


def first_topic(answer: str) -> str | None:
    """The topic that is named first."""
    places = {answer.find(topic): topic for topic in TOPICS if topic in answer}
    return places[min(places)] if places else None


def _score(answer: str, gold: str, options: Sequence[str], first: Callable[[str], str | None]) -> RowScore:
    value, abstained = only_option(answer, gold, options)
    return RowScore(value, abstained, lenient=max(value, float(first(answer) == gold)))


def letter_rule(options: str, example: str) -> Rule:
    """One letter of `options` is right."""
    first = partial(first_letter, options=options)
    return Rule(
        "accuracy",
        read=partial(_letter, options=options),
        row=partial(_score, options=options, first=first),
        example=example,
    )


TOPIC_RULE = Rule(
    "accuracy", read=_topic, row=partial(_score, options=TOPICS, first=first_topic), example=TOPICS[0]
)


def majority(rule: Rule, references: Sequence[str]) -> float | None:
    """The accuracy of always giving the most frequent gold option; None without references."""
    counts = Counter(rule.read(reference) for reference in references)
    return max(counts.values()) / len(references) if references else None
