"""Sides in, the questions whose answers changed out: fixed and broken ones, and the largest gains and losses."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from loralab.evaluate.direction import direction
from loralab.evaluate.heldout import CLEAN_TASK, PERPLEXITY
from loralab.evaluate.side import Key, Side
from loralab.evaluate.statistics import are_right_or_wrong

MOST_GRADED = 10  # of the gains, as many of the losses
# measured on reference answers and other given texts: no answer changed
OF_TEXTS = frozenset(PERPLEXITY) | frozenset(PERPLEXITY.values())


@dataclass(frozen=True)
class Change:
    """One question that a side answers better (fixed) or worse (broken) than the baseline.

    `graded`: the metric has degrees, and the change is one of the largest; else wrong became right or the other
    way round, and all such changes are here. `before` and `after` are the scores; `out_of` is the number of
    questions that changed in this direction.
    """

    task: str
    metric: str
    run: str
    kind: Literal["fixed", "broken"]
    graded: bool
    id: str
    before: float
    after: float
    baseline_answer: Mapping[str, Any]
    answer: Mapping[str, Any]
    out_of: int


@dataclass(frozen=True)
class Count:
    """How many of the n questions that both sides scored changed in a metric, in each direction."""

    task: str
    metric: str
    run: str
    graded: bool
    fixed: int
    broken: int
    n: int


def changes(sides: Sequence[Side], keys: Sequence[Key]) -> Iterator[Change]:
    """The changes of every metric of answers, side by side with the first; the largest first."""
    for key, side, found in _found(sides, keys):
        yield from _of(key, sides[0], side, found)


def change_counts(sides: Sequence[Side], keys: Sequence[Key]) -> Iterator[Count]:
    """The numbers of changes of every metric of answers, also where nothing changed."""
    for key, side, found in _found(sides, keys):
        fixed, broken = (len(ids) for _, ids in _directions(found.gains))
        if found.pairs:
            yield Count(*key, side.label, found.graded, fixed, broken, len(found.pairs))


@dataclass(frozen=True)
class _Found:
    """Both scores of each question of a metric by id, and what was gained where they differ."""

    pairs: Mapping[str, tuple[float, float]]
    graded: bool
    gains: Mapping[str, float]


def _found(sides: Sequence[Side], keys: Sequence[Key]) -> Iterator[tuple[Key, Side, _Found]]:
    for key in keys:
        # the clean task repeats rows of another one; what is neither better nor worse is not fixed or broken
        if key[0] != CLEAN_TASK and key[1] not in OF_TEXTS and direction(key[1]):
            for side in sides[1:]:
                yield key, side, _compared(key, sides[0], side)


def _compared(key: Key, baseline: Side, side: Side) -> _Found:
    one, two = baseline.rows.get(key, {}), side.rows.get(key, {})
    pairs = {i: (float(one[i]["value"]), float(two[i]["value"])) for i in one if i in two}
    graded = not are_right_or_wrong([value for pair in pairs.values() for value in pair])
    gains = {
        i: direction(key[1]) * (after - before) for i, (before, after) in pairs.items() if after != before
    }
    return _Found(pairs, graded, {i: gain for i, gain in gains.items() if not math.isnan(gain)})


def _of(key: Key, baseline: Side, side: Side, found: _Found) -> Iterator[Change]:
    for kind, ids in _directions(found.gains):
        for row_id in ids[:MOST_GRADED] if found.graded else ids:
            before, after = found.pairs[row_id]
            yield Change(
                *key, side.label, kind, found.graded, row_id, before, after,
                baseline.answer(key[0], row_id), side.answer(key[0], row_id), len(ids),
            )  # fmt: skip


def _directions(gains: Mapping[str, float]) -> Iterator[tuple[Literal["fixed", "broken"], list[str]]]:
    """The ids that gained, the largest gain first, then those that lost."""
    order = sorted(gains, key=lambda i: -abs(gains[i]))
    yield "fixed", [i for i in order if gains[i] > 0]
    yield "broken", [i for i in order if gains[i] < 0]
