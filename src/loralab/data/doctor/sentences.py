"""Answers in, the sentences that many of them begin or end with out."""

from __future__ import annotations

import re
import zlib
from array import array
from dataclasses import dataclass

import numpy as np

from loralab.data.doctor.findings import EXAMPLES, Example, Finding, excerpt
from loralab.words import say

SHARE = 0.01
AT_LEAST = 20
SHORTEST = 12

_FIRST = re.compile(r"[^。！？!?\n]*[。！？!?\n]")
_BEFORE_LAST = re.compile(r".*(?:[。！？!?\n]|\. )(?=.)", re.DOTALL)
_WINDOW = 1000


@dataclass(slots=True)
class _Seen:
    """A sentence, the first row that has it, how often it came since, and how often it may have come before."""

    text: str
    number: int
    count: int
    before: int


class SharedSentences:
    """Counts the first and last sentences of answers, of 12 characters and more, unless they are the whole answer.

    Held are 8 bytes for each answer, and the text of the sentences that may be frequent: every 1,000 answers
    those are forgotten that stood in at most 0.1 % of the answers so far (lossy counting: Manku & Motwani 2002),
    so that none that stands in more than 1 % at the end is missing.
    """

    def __init__(self) -> None:
        self._first, self._last = array("I"), array("I")
        self._seen: dict[int, _Seen] = {}

    def look(self, number: int, answer: str) -> None:
        """Count the sentences of one answer, without spaces around it."""
        first = last = 0
        end = _end_of_first(answer)
        if end < len(answer):
            first = self._count(number, answer[:end].rstrip())
            last = self._count(number, answer[_start_of_last(answer) :].lstrip())
        self._first.append(first)
        self._last.append(last if last != first else 0)
        if len(self._first) % _WINDOW == 0:
            self._forget()

    def _count(self, number: int, sentence: str) -> int:
        """The sentence's checksum, 0 for a short one.

        Among 1,000,000 sentences a frequent one shares its 32 bits with another, and counts once too often, with
        a chance of 1 in 4,000.
        """
        if len(sentence) < SHORTEST:
            return 0
        key = zlib.crc32(sentence.encode("utf-8", "surrogatepass")) or 1
        seen = self._seen.get(key)
        if seen is None:
            self._seen[key] = _Seen(sentence, number, 1, len(self._first) // _WINDOW)
        else:
            seen.count += 1
        return key

    def _forget(self) -> None:
        windows = len(self._first) // _WINDOW
        self._seen = {k: s for k, s in self._seen.items() if s.count + s.before > windows}

    def findings(self) -> list[Finding]:
        """How many answers begin or end with a sentence that more than 1 % of them, and 20, share."""
        first, last = np.array(self._first), np.array(self._last)
        keys, counts = np.unique(np.concatenate([first, last]), return_counts=True)
        frequent = (counts >= AT_LEAST) & (counts > SHARE * len(first)) & (keys != 0)
        if not frequent.any():
            return []
        order = np.argsort(-counts[frequent], kind="stable")
        most = [
            (self._seen[int(k)], int(n))
            for k, n in zip(keys[frequent][order], counts[frequent][order], strict=True)
        ]
        count = int((np.isin(first, keys[frequent]) | np.isin(last, keys[frequent])).sum())
        shown = [Example(seen.number, f"{n} × {excerpt(seen.text, 0, 0)}") for seen, n in most[:EXAMPLES]]
        words = say(
            "{n} answers begin or end with one of {sentences} sentences that more than 1 % of the answers share;"
            " the most frequent stands in {most}: {text}",
            n=count, sentences=len(most), most=most[0][1], text=excerpt(most[0][0].text, 0, 0),
        )  # fmt: skip
        return [Finding("boilerplate", count, words, tuple(shown))]


def _end_of_first(answer: str) -> int:
    found = _FIRST.match(answer)
    end = found.end() if found else len(answer)
    return answer.find(". ", 0, end) + 1 or end


def _start_of_last(answer: str) -> int:
    found = _BEFORE_LAST.match(answer)
    return found.end() if found else 0
