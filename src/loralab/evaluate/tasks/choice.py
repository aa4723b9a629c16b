"""Multiple choice from the user's own file: question, options and letters in, exact-set accuracy out."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from loralab.data.conversation import Conversation, Message
from loralab.data.record import Record
from loralab.errors import DataError, Problem
from loralab.evaluate.tasks.base import Answered, Item, RowScore, Task
from loralab.evaluate.tasks.rows import any_text, convert, own_id, read_records, text
from loralab.words import say

LETTERS = "ABCDEFGH"
PROMPT = "以下是一道选择题，请直接给出正确选项的字母，不需要解释。\n\n{question}\n{options}\n答案："
# letters with what stands between them in lists; the letters of words such as DNA are none
LISTED = r"(?<![A-Za-z])[A-H](?:[\s、,，和及与]*[A-H])*(?![A-Za-z])"
STATED = re.compile(rf"(?:答案|选项|选择|应选|故选|选|answer)[^A-Za-z。\n]{{0,6}}({LISTED})", re.IGNORECASE)
FIRST = re.compile(rf"\s*[\[(（【]?({LISTED})")
HEADING = re.compile(r"(?<![A-Za-z])([A-H])[.:)]")
ALONE = re.compile(LISTED)


def read_letters(answer: str, options: str, single: bool) -> frozenset[str]:
    """The options that an answer chooses, as a reader would take it; none if it chooses none.

    Full-width and lower-case letters count. A stated answer (答案是 B, 故选 B) goes before letters at the start,
    and these before letters anywhere; a question with one right option takes the first letter only. Where several
    may be right, letters that head options (B. ... D. ...) go before a single one.
    """
    plain = unicodedata.normalize("NFKC", answer)
    plain = re.sub(r"(?<![A-Za-z])[a-h](?![A-Za-z])", lambda m: m[0].upper(), plain)
    stated, first = (
        _letters([m[1]] if m else [], options) for m in (STATED.search(plain), FIRST.match(plain))
    )
    if single:
        return frozenset((stated or first or _letters(ALONE.findall(plain), options))[:1])
    ways = (stated, _letters(HEADING.findall(plain), options), first)
    several = next((way for way in ways if len(set(way)) > 1), None)
    return frozenset(several or stated or first or _letters(ALONE.findall(plain), options))


def _letters(runs: Sequence[str], options: str) -> list[str]:
    return [c for run in runs for c in run if c in options]


def set_f1(chosen: frozenset[str], right: frozenset[str]) -> float:
    """F1 of the chosen options against the right ones, 0 if nothing is chosen."""
    return 2 * len(chosen & right) / (len(chosen) + len(right)) if chosen else 0.0


def majority(references: Sequence[str]) -> float | None:
    """The accuracy of always giving the most frequent answer; None without references."""
    counts = Counter(frozenset(reference) for reference in references)
    return max(counts.values()) / len(references) if references else None


def options_text(choices: Mapping[str, str]) -> str:
    """One option a line, as `A. text`."""
    return "\n".join(f"{letter}. {option}" for letter, option in choices.items())


def choices_of(value: Mapping[str, Any]) -> dict[str, str]:
    """The options of a record by letter: fields A, B, ...; or a list or an object called choices or options."""
    given = next((value[k] for k in ("choices", "options") if value.get(k)), None)
    if isinstance(given, list):
        given = dict(zip(LETTERS, given, strict=False))
    fields = given if isinstance(given, dict) else value
    return {letter: str(fields[letter]) for letter in LETTERS if fields.get(letter) not in (None, "")}


def _item(number: int, record: Record) -> Item:
    question = text(record, "question", "input")
    choices = choices_of(record.value)
    if len(choices) < 2:
        raise DataError(Problem(say("has no options A, B, ... to choose from"), record.place))
    written = any_text(record, "answer", "output")
    gold = re.sub(r"[\s、,，;；]", "", unicodedata.normalize("NFKC", written)).upper()
    if not gold or set(gold) - set(choices):
        what = say(
            "the answer {answer!r} is none of the options {options}", answer=written, options="".join(choices)
        )
        raise DataError(Problem(what, record.place))
    prompt = PROMPT.format(question=question, options=options_text(choices))
    return Item(
        own_id(record.value, number),
        Conversation((Message("user", prompt),)),
        question,
        "".join(sorted(set(gold))),
        {"choices": choices},
    )


def questions(path: Path) -> list[Item]:
    """The items of a file with question, A, B, ... and answer. Raises DataError with file:line."""
    return convert(read_records(path), _item)


def _score_row(row: Answered) -> RowScore:
    right = frozenset(row.reference)
    options = "".join(row.data.get("choices") or LETTERS)
    chosen = read_letters(row.answer, options, single=len(right) == 1)
    return RowScore(float(chosen == right), abstained=not chosen, extra={"f1": set_f1(chosen, right)})


def score(rows: Sequence[Answered]) -> list[RowScore]:
    """1 for exactly the right options, 0 for any others; an answer that chooses none abstains."""
    return [_score_row(row) for row in rows]


CHOICE = Task("choice", "accuracy", "choice/1", questions, score, majority, max_new_tokens=32)
