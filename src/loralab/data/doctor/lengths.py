"""Lengths of answers in, those that are far from all others out."""

from __future__ import annotations

from array import array
from bisect import insort

import numpy as np

from loralab.data.doctor.findings import EXAMPLES, Example, Finding, excerpt
from loralab.words import say

SIGMAS = 3.5
FACTOR = 3.0
FEWEST = 50
_OFFSET = 10  # characters: among one-word answers, "A" and "ABCD" are of like length


class Lengths:
    """Holds the length of each answer in characters (4 bytes each), and the shortest and longest answers.

    An answer is far from the others if the logarithm of its length + 10 is more than 3.5 standard deviations
    from the median, these taken as 1.4826 times the median absolute deviation (Iglewicz & Hoaglin 1993), and if
    it is also more than 3 times as short or long as the median; among 50 answers or more.
    """

    def __init__(self) -> None:
        self._lengths = array("I")
        self._short: list[tuple[int, int, int, str]] = []
        self._long: list[tuple[int, int, int, str]] = []

    def look(self, number: int, answer: str) -> None:
        """Note the length of one answer."""
        length = len(answer)
        self._lengths.append(length)
        if len(self._short) < EXAMPLES or length < self._short[-1][1]:
            self._keep(self._short, length, length, number, answer)
        if len(self._long) < EXAMPLES or length > self._long[-1][1]:
            self._keep(self._long, -length, length, number, answer)

    def _keep(
        self, best: list[tuple[int, int, int, str]], rank: int, length: int, number: int, answer: str
    ) -> None:
        insort(best, (rank, length, number, excerpt(answer, 0, 0)))
        del best[EXAMPLES:]

    def findings(self) -> list[Finding]:
        """Answers that are far too short, and those that are far too long; each example begins with its length."""
        if len(self._lengths) < FEWEST:
            return []
        lengths = np.array(self._lengths)
        logs = np.log(lengths + _OFFSET)
        middle = float(np.median(logs))
        reach = max(SIGMAS * 1.4826 * float(np.median(np.abs(logs - middle))), float(np.log(FACTOR)))
        low, high = (round(float(np.exp(middle + side * reach))) - _OFFSET for side in (-1, 1))
        short, long = int((lengths < low).sum()), int((lengths > high).sum())
        median = round(float(np.median(lengths)))
        words = {
            "short_answer": say(
                "{n} answers are far shorter than the others: under {bound} characters, where the median is {median}",
                n=short, bound=low, median=median),
            "long_answer": say(
                "{n} answers are far longer than the others: over {bound} characters, where the median is {median}",
                n=long, bound=high, median=median),
        }  # fmt: skip
        return [
            Finding(
                code,
                count,
                words[code],
                tuple(Example(n, f"{size}: {text}") for _, size, n, text in best[:count]),
            )
            for code, count, best in (("short_answer", short, self._short), ("long_answer", long, self._long))
            if count
        ]
