"""Sides in, the questions whose answers changed out: fixed and broken ones, and the largest gains and losses."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from loralab.evaluate.direction import direction
from loralab.evaluate.heldout import CLEAN_TASK
from loralab.evaluate.side import Key, Side
from loralab.evaluate.statistics import are_right_or_wrong

MOST_GRADED = 10  # of the gains, as many of the losses
OF_REFERENCES = frozenset({"loss", "perplexity"})  # measured on reference answers: no answer changed


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


def changes(sides: Sequence[Side], keys: Sequence[Key]) -> Iterator[Change]:
    """The changes of every metric of answers, side by side with the first; the largest first."""
    baseline = sides[0]
    for key in keys:
        # the clean task repeats rows of another one; what is neither better nor worse is not fixed or broken
        if key[0] != CLEAN_TASK and key[1] not in OF_REFERENCES and direction(key[1]):
            for side in sides[1:]:
                yield from _of(key, baseline, side)


def _of(key: Key, baseline: Side, side: Side) -> Iterator[Change]:
    one, two = baseline.rows.get(key, {}), side.rows.get(key, {})
    pairs = {i: (float(one[i]["value"]), float(two[i]["value"])) for i in one if i in two}
    graded = not are_right_or_wrong([value for pair in pairs.values() for value in pair])
    gains = {
        i: direction(key[1]) * (after - before) for i, (before, after) in pairs.items() if after != before
    }
    gains = {i: gain for i, gain in gains.items() if not math.isnan(gain)}
    for kind, found in _directions(gains):
        for row_id in found[:MOST_GRADED] if graded else found:
            before, after = pairs[row_id]
            yield Change(
                *key, side.label, kind, graded, row_id, before, after,
                baseline.answer(key[0], row_id), side.answer(key[0], row_id), len(found),
            )  # fmt: skip


def _directions(gains: Mapping[str, float]) -> Iterator[tuple[Literal["fixed", "broken"], list[str]]]:
    """The ids that gained, the largest gain first, then those that lost."""
    order = sorted(gains, key=lambda i: -abs(gains[i]))
    yield "fixed", [i for i in order if gains[i] > 0]
    yield "broken", [i for i in order if gains[i] < 0]
