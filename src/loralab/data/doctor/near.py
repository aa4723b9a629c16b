"""Asked questions and the texts of training rows in, which asked question nearly stands in which row out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from loralab.data.conversation import text_key
from loralab.data.doctor.shingles import Hashes, shingles

SHINGLE = 13
"""Characters of a shingle: the 13-gram overlap of GPT-3 (Brown et al. 2020, appendix C), counted in characters as
Chinese has no spaces. 13 characters in a row are rarely the same by chance, in law too."""

THRESHOLD = 0.6
"""The part of a question's shingles that a row must hold. A question that was trimmed, or whose last words were
changed ("which is right?" to "is this right?"), keeps more; two questions about one matter share far less."""

_OPTIONS = tuple(re.compile(rf"(?<![A-Za-z0-9.])[{a}{b}]\s*[:：.、．)）]") for a, b in ("AＡ", "BＢ", "CＣ"))
_LAST = np.uint64(0xFFFFFFFFFFFFFFFF)


@dataclass(frozen=True, slots=True)
class Hit:
    """An asked question, by number, and the part of its shingles that a row holds (1.0: all, or the same text)."""

    number: int
    share: float


def stem(text: str) -> str:
    """What stands before the options A, B, C of a multiple-choice question; the text if it has none."""
    starts, end = [], 0
    for option in _OPTIONS:
        found = option.search(text, end)
        if not found:
            return text
        starts.append(found.start())
        end = found.end()
    return text[: starts[0]].rstrip("(（[【 \t\r\n")


class QuestionIndex:
    """Which of the asked questions nearly stand in a training row; holds 12 bytes for each of their characters.

    Compared are stems, without options, case, spaces and punctuation. A shingle that stands in many of the asked
    questions is part of an instruction or a formula: no shingle counts that shares a character with it. Many is
    more than 5 % and more than 10 of them; with fewer than 20, more than half of them and more than 2.
    Where no shingle is left the options are compared too; if still none is, the question was too short, and it is
    found only where it, or what is left of it without formulas, is the whole text.
    """

    def __init__(self, questions: Iterable[str]) -> None:
        asked = [(_lines(stem(text)), _lines(text)) for text in questions]
        common = _common([short for short, _ in asked])
        self._equal: dict[str, list[int]] = {}
        owned = []
        for number, (short, whole) in enumerate(asked):
            own, _ = _own(short, common)
            if not len(own):
                own, rest = _own(whole, common)
                for same in () if len(own) else {"".join(whole), rest} - {""}:
                    self._equal.setdefault(same, []).append(number)
            owned.append(own)
        self._sizes = np.array([len(own) for own in owned], np.int64)
        hashes = np.concatenate([*owned, np.array([_LAST])])
        order = np.argsort(hashes, kind="stable")
        self._hashes = hashes[order]
        self._owners = np.append(np.repeat(np.arange(len(owned), dtype=np.int32), self._sizes), -1)[order]

    def hits(self, texts: Iterable[str]) -> list[Hit]:
        """The asked questions that nearly stand in the texts of one row, in the order in which they were asked."""
        keys = [text_key(text) for text in texts]
        equal = {number: 1.0 for key in keys for number in self._equal.get(key, ())}
        known = [found for key in keys if len(found := self._known(key))]
        if not known:
            return [Hit(number, 1.0) for number in sorted(equal)]
        shares = self._shares(np.unique(np.concatenate(known))) | equal
        return [Hit(number, shares[number]) for number in sorted(shares)]

    def _known(self, key: str) -> Hashes:
        """The shingles of a text that stand in asked questions."""
        hashes = shingles(key, SHINGLE)
        known: npt.NDArray[np.bool_] = self._hashes[self._hashes.searchsorted(hashes)] == hashes
        return hashes[known]

    def _shares(self, hashes: Hashes) -> dict[int, float]:
        """The share of each question that reaches the threshold, of distinct shingles that are known."""
        starts, ends = (self._hashes.searchsorted(hashes, side) for side in ("left", "right"))
        ranges = [self._owners[start:end] for start, end in zip(starts, ends, strict=True)]
        numbers, counts = np.unique(np.concatenate(ranges), return_counts=True)
        shares = counts / self._sizes[numbers]
        near = shares >= THRESHOLD
        return dict(zip(numbers[near].tolist(), shares[near].tolist(), strict=True))


def _lines(text: str) -> tuple[str, ...]:
    """The key of each line; a line without letters or digits has none."""
    return tuple(text_key(line) for line in text.splitlines() if any(c.isalnum() for c in line))


def _common(asked: Sequence[tuple[str, ...]]) -> Hashes:
    """The shingles that stand in lines of many of the questions; questions that are the same count once."""
    different = dict.fromkeys(asked)
    each = [
        np.unique(np.concatenate([shingles(line, SHINGLE) for line in lines])) for lines in different if lines
    ]
    hashes, counts = np.unique(np.concatenate([*each, np.empty(0, np.uint64)]), return_counts=True)
    return hashes[counts > min(max(10, 0.05 * len(different)), max(2, len(different) / 2))]


def _own(lines: tuple[str, ...], common: Hashes) -> tuple[Hashes, str]:
    """The distinct shingles of a question that share no character with a common one, and the characters left.

    Lines are joined, as a copy may break them elsewhere; but what many questions begin with after an instruction
    is not part of it.
    """
    key = "".join(lines)
    hashes = shingles(key, SHINGLE)
    if not len(hashes):
        return hashes, key
    covered = np.concatenate([_covered(line, common) for line in lines])
    free = np.convolve(covered, np.ones(SHINGLE, np.int64), "valid") == 0
    return np.unique(hashes[free]), "".join(c for c, hidden in zip(key, covered, strict=True) if not hidden)


def _covered(line: str, common: Hashes) -> npt.NDArray[np.bool_]:
    """Which characters of a line (n,) belong to a common shingle."""
    shared = np.isin(shingles(line, SHINGLE), common)
    return (
        np.convolve(shared, np.ones(SHINGLE, np.int64)) > 0 if len(shared) else np.zeros(len(line), np.bool_)
    )
