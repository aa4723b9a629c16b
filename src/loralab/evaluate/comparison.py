"""Sides in, the comparison out: values, differences to the first side, and how far chance could have made them.

"Better" and "worse" need three things at once: the paired 95 % interval leaves out 0; the p of the randomisation
test (McNemar's exact test where answers are right or wrong) is below 5 % after Holm's adjustment for everything
that is compared; and both sides were measured in the same unit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loralab.errors import ComparisonRefused, Problem
from loralab.evaluate.changes import Change, changes
from loralab.evaluate.direction import direction
from loralab.evaluate.heldout import LOWER_IS_BETTER
from loralab.evaluate.likeness import Unlike, templates_differ, unlike
from loralab.evaluate.side import Key, Side
from loralab.evaluate.statistics import (
    FEW,
    SIGN_FLIPS,
    Estimate,
    are_right_or_wrong,
    exact_mcnemar,
    holm,
    paired_difference,
    randomisation_p,
)
from loralab.evaluate.verdict import SIGNIFICANT
from loralab.words import Words, say

NOT_COMPARABLE = say("not comparable")
OTHER_TOKENS: Words | None = say("the rows hold other label tokens: another tokenizer or another cut")
FLIPS_EACH = 40  # so many arrangements for each comparison: Holm's smallest p can still be reached


@dataclass(frozen=True)
class Difference:
    """One metric of one side less that of the baseline, over the rows that both scored.

    `p_adjusted` is None where nothing was tested. `only_baseline` and `only_run` count rows that one side alone
    scored; `reason` says why the verdict is not what the interval alone would say.
    """

    task: str
    metric: str
    run: str
    estimate: Estimate
    right_or_wrong: bool
    p: float | None
    p_adjusted: float | None
    verdict: Words
    only_baseline: int
    only_run: int
    reason: Words | None = None


@dataclass(frozen=True)
class MetricRow:
    """One metric: the entry of scores/<stage>.json of each side, and each side's difference; None where absent."""

    task: str
    metric: str
    lower_is_better: bool
    cells: tuple[Mapping[str, Any] | None, ...]
    differences: tuple[Difference | None, ...]


@dataclass(frozen=True)
class Comparison:
    """Everything that is said about the sides; the first is the baseline."""

    sides: tuple[Side, ...]
    rows: tuple[MetricRow, ...]
    changes: tuple[Change, ...]
    unlike: tuple[Unlike, ...]
    marks: tuple[Words, ...]

    @property
    def differences(self) -> list[Difference]:
        """All differences, by metric, then by side."""
        return [found for row in self.rows for found in row.differences if found]

    @property
    def num_tested(self) -> int:
        """How many comparisons the p values are adjusted for."""
        return sum(1 for difference in self.differences if difference.p is not None)


def compare(sides: Sequence[Side], anyway: bool = False) -> Comparison:
    """The comparison of two or more sides with the first.

    Raises ComparisonRefused naming every part of the evaluation fingerprint that differs, unless `anyway`.
    """
    assert len(sides) > 1
    baseline, *others = sides
    found = tuple(difference for side in others for difference in unlike(baseline, side))
    if found and not anyway:
        raise ComparisonRefused(*(_refusal(baseline, difference) for difference in found))
    rows = _rows(sides)
    return Comparison(
        tuple(sides), rows, tuple(changes(sides, [(r.task, r.metric) for r in rows])), found,
        tuple(_marks(sides, rows)),
    )  # fmt: skip


def _refusal(baseline: Side, found: Unlike) -> Problem:
    return Problem(
        say("cannot be compared with {baseline}: {what}", baseline=baseline.label, what=found.words),
        found.run,
        next=say("add --anyway to see them side by side, marked as unlike"),
    )


def metric_keys(sides: Sequence[Side]) -> list[Key]:
    """(task, metric) of everything that any side has a score of."""
    found = ((task, metric) for side in sides for task in side.scores for metric in side.scores[task])
    return list(dict.fromkeys(found))


def difference_alone(key: Key, baseline: Side, other: Side) -> Difference | None:
    """The difference in one metric, judged as if nothing else were compared; None if no row was scored by both."""
    pairs = _pairs(key, baseline, other)
    p = pairs.p(SIGN_FLIPS) if pairs and pairs.one_unit else None
    return _difference(key, other.label, pairs, p, p, 1)


def _rows(sides: Sequence[Side]) -> tuple[MetricRow, ...]:
    """A row for each metric that any side has, with adjusted p values."""
    keys = metric_keys(sides)
    tested = {key: [_pairs(key, sides[0], side) for side in sides[1:]] for key in keys}
    usable = [(key, i) for key in keys for i, pairs in enumerate(tested[key]) if pairs and pairs.one_unit]
    flips = max(SIGN_FLIPS, FLIPS_EACH * len(usable))
    ps = {(key, i): found.p(flips) for key, i in usable if (found := tested[key][i])}
    adjusted = dict(zip(ps, holm(list(ps.values())), strict=True))
    rows = []
    for key in keys:
        cells = tuple(side.scores.get(key[0], {}).get(key[1]) for side in sides)
        differences = tuple(
            _difference(key, side.label, pairs, ps.get((key, i)), adjusted.get((key, i)), len(ps))
            for i, (side, pairs) in enumerate(zip(sides[1:], tested[key], strict=True))
        )
        rows.append(MetricRow(*key, direction(key[1]) < 0, cells, (None, *differences)))
    return tuple(rows)


@dataclass(frozen=True)
class _Pairs:
    """Values of both sides over the rows that both scored, in one order."""

    metric: str
    before: list[float]
    after: list[float]
    weights: list[float]
    one_unit: bool
    only_baseline: int
    only_run: int

    @property
    def right_or_wrong(self) -> bool:
        return self.metric not in LOWER_IS_BETTER and are_right_or_wrong([*self.before, *self.after])

    def p(self, flips: int) -> float:
        if self.right_or_wrong:
            return exact_mcnemar(self.before, self.after)
        return randomisation_p(self.before, self.after, self.weights, flips)


def _pairs(key: Key, baseline: Side, other: Side) -> _Pairs | None:
    """The pairs of a metric; None if the sides share no row of it.

    Rows of one loss have to weigh the same: other label tokens mean another tokenizer or another cut, and a
    mean over other tokens is another unit.
    """
    one, two = baseline.rows.get(key, {}), other.rows.get(key, {})
    shared = [row_id for row_id in one if row_id in two]
    if not shared:
        return None
    before, after = ([float(rows[i]["value"]) for i in shared] for rows in (one, two))
    weights = [float(one[i]["weight"]) for i in shared]
    one_unit = weights == [float(two[i]["weight"]) for i in shared] and sum(weights) > 0
    return _Pairs(key[1], before, after, weights, one_unit, len(one) - len(shared), len(two) - len(shared))


def _difference(
    key: Key, label: str, pairs: _Pairs | None, p: float | None, adjusted: float | None, tested: int
) -> Difference | None:
    if pairs is None:
        return None
    estimate = paired_difference(pairs.before, pairs.after, pairs.weights if pairs.one_unit else None)
    if adjusted is None:
        estimate = Estimate(estimate.value, estimate.n, None, None)
        verdict, reason = NOT_COMPARABLE, OTHER_TOKENS
    else:
        verdict, reason = judge(key[1], estimate, adjusted), None
        if verdict != judge(key[1], estimate):
            reason = _reason(p, tested)
    return Difference(
        *key, label, estimate, pairs.right_or_wrong, p, adjusted, verdict, pairs.only_baseline, pairs.only_run,
        reason,
    )  # fmt: skip


def judge(metric: str, difference: Estimate, p: float = 0.0) -> Words:
    """better, worse, or no difference shown; higher or lower where a metric is good in neither direction."""
    if not difference.excludes_zero or p >= SIGNIFICANT:
        return say("no difference shown")
    sign = direction(metric) * difference.value
    if not sign:
        return say("higher") if difference.value > 0 else say("lower")
    return say("better") if sign > 0 else say("worse")


def _reason(p: float | None, tested: int) -> Words:
    """Why an interval that leaves out 0 shows no difference all the same."""
    if p is not None and p >= SIGNIFICANT:
        return say("the exact test does not agree with the interval")
    return say("adjusted for {n} comparisons, chance could have made this difference", n=tested)


def _marks(sides: Sequence[Side], rows: Sequence[MetricRow]) -> list[Words]:
    """What a reader has to know before the numbers."""
    baseline, *others = sides
    marks = [note for side in sides for note in side.notes]
    if unlike := [side.label for side in others if templates_differ(baseline, side)]:
        marks.append(
            say("another chat template than that of {baseline}, so another model family: {runs}",
                runs="; ".join(unlike), baseline=baseline.label)
        )  # fmt: skip
    differences = [found for row in rows for found in row.differences if found]
    for found in differences:
        marks += _mark_of(found)
    smallest = min((found.estimate.n for found in differences), default=FEW)
    if smallest < FEW:
        marks.append(say("n = {n} is few: only large differences can be shown.", n=smallest))
    return _once(marks)


def _mark_of(found: Difference) -> list[Words]:
    name = f"{found.task}/{found.metric}"
    marks = []
    if found.only_baseline or found.only_run:
        marks.append(
            say("{run}, {name}: the difference is over the {n} rows that both scored; {one} rows of the baseline and {two} of the run stand alone",
                run=found.run, name=name, n=found.estimate.n, one=found.only_baseline, two=found.only_run)
        )  # fmt: skip
    if found.p_adjusted is None and found.reason:
        marks.append(say("{run}, {name}: {reason}", run=found.run, name=name, reason=found.reason))
    return marks


def _once(marks: Sequence[Words]) -> list[Words]:
    """The marks without repetitions."""
    return list({str(words): words for words in marks}.values())
