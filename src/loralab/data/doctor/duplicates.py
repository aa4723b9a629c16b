"""Texts in, groups of texts that are nearly the same out: found by MinHash, each pair then compared exactly."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from loralab.data.conversation import text_key
from loralab.data.doctor.shingles import Hashes, shingles

WIDTH = 5
"""Characters of a shingle: two Chinese words, or an English one."""

THRESHOLD = 0.8
"""The Jaccard similarity of two near-duplicates: shared shingles / all shingles. Changing 2 % of the characters of
a text, far from each other, leaves about 0.8 of them."""

_BANDS, _BAND_ROWS, _SLOTS = (
    21,
    6,
    128,
)  # a pair at 0.8 shares a band with a chance of 1 - (1 - 0.8^6)^21 = 99.8 %
_REACH = 8  # of the texts that share a band each is compared with those before it, and with the first
_SLACK = 0.1  # below the threshold: nearly three standard deviations of the estimate from 128 slots
_BATCH = 1024
_REMEMBERED = 1_000_000  # pairs that were compared and are not near, about 150 bytes each

Sketches = npt.NDArray[np.uint8]
Pairs = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Group:
    """Texts that near-duplicates connect: how many, and the numbers of the first ones in order."""

    size: int
    rows: tuple[int, ...]


@dataclass(frozen=True)
class Duplicates:
    """How many groups there are, how many texts beyond the first of each, and the largest groups."""

    texts: int
    groups: int
    extra: int
    examples: tuple[Group, ...]

    def to_dict(self) -> dict[str, Any]:
        """The result as a JSON value; rows are numbers of texts, counted from 0."""
        return {
            "texts": self.texts, "groups": self.groups, "extra": self.extra,
            "shingle_characters": WIDTH, "threshold": THRESHOLD,
            "examples": [{"size": group.size, "rows": list(group.rows)} for group in self.examples],
        }  # fmt: skip


def find_duplicates(texts: Sequence[str], examples: int = 10, rows_shown: int = 5) -> Duplicates:
    """Groups of texts connected by pairs with a Jaccard similarity of at least 0.8, and the largest of them.

    Compared are shingles of 5 characters without case, spaces and punctuation; copies count too. A pair may be
    missed (about one in 200 of those at 0.8, fewer above), none is made up. Texts are read once in order, those of
    likely pairs again; held are 128 bytes for each, and 60 more while a band is sorted.
    """
    sketches = _sketches(texts)
    groups = _Groups()
    unlike: set[tuple[int, int]] = set()
    for pair in (pair for band in range(_BANDS) for pair in _likely(sketches, band)):
        if pair in unlike or not groups.apart(*pair):
            continue
        if _jaccard(*(_shingles(texts[row]) for row in pair)) >= THRESHOLD:
            groups.join(*pair)
        elif len(unlike) < _REMEMBERED:
            unlike.add(pair)
    found = groups.members()
    largest = sorted(found, key=lambda rows: (-len(rows), rows[0]))[:examples]
    return Duplicates(
        len(texts), len(found), sum(map(len, found)) - len(found),
        tuple(Group(len(rows), tuple(rows[:rows_shown])) for rows in largest),
    )  # fmt: skip


class _Groups:
    """Which texts are connected, each group under its lowest number."""

    def __init__(self) -> None:
        self._above: dict[int, int] = {}

    def _top(self, row: int) -> int:
        while (above := self._above.get(row, row)) != row:
            self._above[row] = self._above.get(above, above)
            row = above
        return row

    def apart(self, a: int, b: int) -> bool:
        return self._top(a) != self._top(b)

    def join(self, a: int, b: int) -> None:
        low, high = sorted((self._top(a), self._top(b)))
        self._above[high] = low

    def members(self) -> list[list[int]]:
        groups = defaultdict(list)
        for row in sorted(self._above):
            groups[self._top(row)].append(row)
        return [[top, *rows] for top, rows in sorted(groups.items())]


def _shingles(text: str) -> Hashes:
    """The shingles of a text; one for the whole text if it is shorter."""
    key = text_key(text)
    return shingles(key, min(WIDTH, len(key))) if key else np.empty(0, np.uint64)


def _jaccard(one: Hashes, other: Hashes) -> float:
    one, other = np.unique(one), np.unique(other)
    shared = len(np.intersect1d(one, other, assume_unique=True))
    return shared / max(1, len(one) + len(other) - shared)


def _sketches(texts: Sequence[str]) -> Sketches:
    """One byte of each MinHash slot (n, 128): enough to estimate a similarity, and to tell bands apart."""
    from rensa import RMinHash

    result = np.empty((len(texts), _SLOTS), np.uint8)
    for start in range(0, len(texts), _BATCH):
        each = [_shingles(texts[i]) for i in range(start, min(start + _BATCH, len(texts)))]
        ends = np.cumsum([0, *map(len, each)]).astype(np.uint64)
        slots = RMinHash.digest_matrix_from_flat_token_hashes(np.concatenate(each), ends, _SLOTS, 1).to_rows()
        mixed = np.array(slots, np.uint32) * np.uint32(0x9E3779B1)
        result[start : start + len(each)] = mixed >> np.uint32(24)
    return result


def _likely(sketches: Sketches, band: int) -> Iterator[tuple[int, int]]:
    """Pairs, lower number first, that are equal in a band and similar by the estimate."""
    key = np.zeros((len(sketches), 8), np.uint8)
    key[:, :_BAND_ROWS] = sketches[:, band * _BAND_ROWS : (band + 1) * _BAND_ROWS]
    keys = key.view(np.uint64).ravel()
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    for before, after in _neighbours(keys):
        a, b = order[before], order[after]
        for start in range(0, len(a), _BATCH):
            part = slice(start, start + _BATCH)
            share = (sketches[a[part]] == sketches[b[part]]).mean(axis=1)
            near = share >= THRESHOLD - _SLACK
            yield from zip(a[part][near].tolist(), b[part][near].tolist(), strict=True)


def _neighbours(keys: Hashes) -> Iterator[tuple[Pairs, Pairs]]:
    """Positions of equal keys in a sorted array: each beside those before it, and beside the first."""
    for distance in range(1, min(_REACH, len(keys) - 1) + 1):
        after = np.flatnonzero(keys[distance:] == keys[:-distance]) + distance
        yield after - distance, after
    first = np.searchsorted(keys, keys, "left")
    after = np.flatnonzero(np.arange(len(keys)) - first > _REACH)
    yield first[after], after
