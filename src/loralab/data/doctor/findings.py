"""Rows with one kind of fault in, a finding out: how many there are, a sentence, and the first of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from loralab.words import Words

EXAMPLES = 3
WIDTH = 80
_GAPS = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")


@dataclass(frozen=True, slots=True)
class Example:
    """A row, by number, and the part of its text that shows the fault."""

    number: int
    text: str


@dataclass(frozen=True)
class Finding:
    """A kind of fault, one fixed word, how many rows have it, what to say, and up to three examples."""

    code: str
    count: int
    words: Words
    examples: tuple[Example, ...]

    def to_dict(self, place: Callable[[int], str] = str) -> dict[str, Any]:
        """The finding as a JSON value; `place` says where the row of a number stands."""
        return {
            "code": self.code,
            "count": self.count,
            **self.words.to_dict(),
            "examples": [{"place": place(e.number), "text": e.text} for e in self.examples],
        }


@dataclass(slots=True)
class Tally:
    """Counts the rows with one fault, and keeps the first three and what was found in the first."""

    count: int = 0
    found: str = ""
    examples: list[Example] = field(default_factory=list)

    def add(self, number: int, text: str, start: int, end: int) -> None:
        """Count a row whose fault stands at text[start:end]."""
        self.count += 1
        if len(self.examples) < EXAMPLES:
            self.found = self.found or _GAPS.sub(" ", text[start : min(end, start + WIDTH)])
            self.examples.append(Example(number, excerpt(text, start, end)))


def excerpt(text: str, start: int, end: int) -> str:
    """About 80 characters around text[start:end] on one line, with dots where more stands."""
    spare = max(0, WIDTH - (end - start))
    first = max(0, min(start - spare // 2, len(text) - WIDTH))
    last = min(len(text), first + WIDTH)
    cut = _GAPS.sub(" ", text[first:last]).strip()
    return ("…" if first else "") + cut + ("…" if last < len(text) else "")
