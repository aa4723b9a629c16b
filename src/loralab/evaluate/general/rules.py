"""An answer with a rule in, whether the answer meets the rule out.

A rule is an object of kinds, all of which have to be met: `{"lines": 3, "language": "zh"}`. Texts are compared
in NFKC and lower case, whatever their white space, quotes and full stops at the ends: whether a model still
follows an instruction is the question, not how it punctuates.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from loralab.words import Words, say

LANGUAGES = ("zh", "en")
# a whole fence of code around an answer, as models put around JSON
FENCE = re.compile(r"```[a-zA-Z]*(.*)```", re.DOTALL)
# a minus counts at the start of a number only; commas only where they part thousands
NUMBER = re.compile(r"(?<![0-9.])-?(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)(?:\.[0-9]+)?")
HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]")
LATIN = re.compile("[A-Za-z\u00c0-\u024f]+")


def plain(text: str) -> str:
    """The text in NFKC, lower case and single spaces, without punctuation and symbols at both ends."""
    words = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    start, end = 0, len(words)
    while start < end and not words[start].isalnum():
        start += 1
    while end > start and not words[end - 1].isalnum():
        end -= 1
    return words[start:end]


def language_of(text: str) -> str | None:
    """zh if most of a text is Chinese, en if most is in Latin letters, None if it is neither.

    A Chinese character counts like a word of Latin letters, as does a letter of any other script.
    """
    han, latin = len(HAN.findall(text)), len(LATIN.findall(text))
    other = sum(c.isalpha() for c in LATIN.sub("", HAN.sub("", text)))
    if han > latin + other:
        return "zh"
    return "en" if latin > han + other else None


# ------------------------------------------------------------------------------------------- kinds of rules


def equals(answer: str, texts: Sequence[str]) -> bool:
    """The answer is one of the texts."""
    return plain(answer) in map(plain, texts)


def contains(answer: str, texts: Sequence[str]) -> bool:
    """One of the texts stands in the answer; Latin ones as whole words."""
    within = plain(answer)
    return any(
        re.search(rf"(?<![a-z0-9]){re.escape(text)}(?![a-z0-9])" if text.isascii() else re.escape(text), within)
        for text in map(plain, texts)
    )  # fmt: skip


def starts(answer: str, texts: Sequence[str]) -> bool:
    """The answer begins with one of the texts, but for quotes."""
    return plain(answer).startswith(tuple(map(plain, texts)))


def ends(answer: str, texts: Sequence[str]) -> bool:
    """The answer's last character, but for quotes, is one of the marks."""
    return unicodedata.normalize("NFKC", answer).rstrip(" \t\r\n\"'”’」』*`").endswith(tuple(texts))


def numbers(answer: str, expected: Sequence[float]) -> bool:
    """The answer's numbers are these, in this order, with no other between them."""
    found = NUMBER.findall(unicodedata.normalize("NFKC", answer))
    return [Decimal(number.replace(",", "")) for number in found] == [Decimal(str(n)) for n in expected]


def lines(answer: str, count: int) -> bool:
    """The answer has so many lines that are not empty."""
    return sum(1 for line in answer.splitlines() if line.strip()) == count


def words(answer: str, count: int) -> bool:
    """The answer has so many words between white space."""
    return sum(1 for word in answer.split() if any(map(str.isalnum, word))) == count


def at_most_characters(answer: str, count: int) -> bool:
    """The answer has no more characters than these, white space left out."""
    return len("".join(answer.split())) <= count


def json_object(answer: str, fields: Mapping[str, Any]) -> bool:
    """The answer is one JSON object with these values; null stands for any. A fence around it is forgiven."""
    text = answer.strip()
    fenced = FENCE.fullmatch(text)
    try:
        value = json.loads(fenced[1] if fenced else text)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and all(
        name in value and (expected is None or _same(value[name], expected))
        for name, expected in fields.items()
    )


def _same(value: Any, expected: Any) -> bool:
    return type(value) is type(expected) and bool(value == expected)


def in_language(answer: str, language: str) -> bool:
    """Most of the answer is in the language."""
    return language_of(answer) == language


# ------------------------------------------------------------------------------------------------ all kinds


@dataclass(frozen=True)
class Kind:
    """A kind of rule: `check(answer, argument)`, which arguments `fits` takes, and those in words."""

    check: Callable[[str, Any], bool]
    fits: Callable[[Any], bool]
    takes: Words


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(t, str) and plain(t) for t in value)


def _are_marks(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(t, str) and t.strip() for t in value)


def _are_numbers(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_number, value))


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _are_fields(value: Any) -> bool:
    return isinstance(value, dict) and bool(value)


def _is_language(value: Any) -> bool:
    return value in LANGUAGES


TEXTS, COUNT = say("a list of texts"), say("a whole number from 1")
KINDS: dict[str, Kind] = {
    "equals": Kind(equals, _are_texts, TEXTS),
    "contains": Kind(contains, _are_texts, TEXTS),
    "starts": Kind(starts, _are_texts, TEXTS),
    "ends": Kind(ends, _are_marks, TEXTS),
    "numbers": Kind(numbers, _are_numbers, say("a list of numbers")),
    "lines": Kind(lines, _is_count, COUNT),
    "words": Kind(words, _is_count, COUNT),
    "at_most_characters": Kind(at_most_characters, _is_count, COUNT),
    "json": Kind(json_object, _are_fields, say("an object with fields")),
    "language": Kind(in_language, _is_language, say("zh or en")),
}


def meets(answer: str, rule: Mapping[str, Any]) -> bool:
    """Whether an answer says something that meets all kinds of a rule that `problem_of` finds nothing wrong with."""
    return bool(answer.strip()) and all(KINDS[kind].check(answer, wanted) for kind, wanted in rule.items())


def problem_of(rule: Any) -> Words | None:
    """What keeps a value from being a rule, None if nothing does."""
    if not isinstance(rule, dict) or not rule:
        return say("rule must be an object of one or more of: {kinds}", kinds=", ".join(KINDS))
    for name, argument in rule.items():
        if name not in KINDS:
            return say("there is no rule {name!r}; rules are: {kinds}", name=name, kinds=", ".join(KINDS))
        if not KINDS[name].fits(argument):
            return say("the rule {name!r} takes {what}", name=name, what=KINDS[name].takes)
    return None
