"""Values of rows in, means with 95 % intervals and tests of differences out; seeded, the same everywhere.

Intervals are percentile bootstrap intervals, widened for small n as Hesterberg 2015 proposes ("expanded"); a
share of right answers has Wilson's, because rows that are all wrong leave the bootstrap nothing to draw.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

RESAMPLES = 2000
SIGN_FLIPS = 10_000
ALL_FLIPS = 13  # up to so many changed rows every arrangement of signs is looked at: 2^13 of them
SEED = 20240229
CHUNK = 4_000_000
ROUNDING = 1e-12  # of the values: what is smaller came from adding in another order
# With fewer rows not even differences of one sign are significant: 2 x 0.5^5 > 0.05, and the bootstrap,
# which knows no value but those it saw, would say so all the same.
SMALLEST = 6
FEW = 50  # rows: with fewer only large differences can be shown, which is then said


@dataclass(frozen=True)
class Estimate:
    """A mean over n rows; `low` and `high` bound the 95 % interval and are None for fewer than SMALLEST rows."""

    value: float
    n: int
    low: float | None
    high: float | None

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies wholly on one side of 0."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def weighted_mean(values: Sequence[float], weights: Sequence[float] | None = None) -> Estimate:
    """Sum of weight x value over sum of weights, with its 95 % interval over rows.

    With equal weights this is the plain mean; with token counts as weights and mean token losses as values
    it is the loss over all tokens. Values that are all 0 or 1, with equal weights, are a share.
    """
    v = np.asarray(values, dtype=np.float64)
    w = np.ones_like(v) if weights is None else np.asarray(weights, dtype=np.float64)
    if len(v) >= SMALLEST and are_right_or_wrong(v) and (w == w[0]).all():
        return _share(int(v.sum()), len(v))
    return _estimate(v * w, w)


def paired_difference(
    before: Sequence[float], after: Sequence[float], weights: Sequence[float] | None = None
) -> Estimate:
    """Mean of after - before over the same rows in the same order, with its paired bootstrap interval."""
    difference, w = _differences(before, after, weights)
    return _estimate(difference * w, w)


def are_right_or_wrong(values: Sequence[float] | Floats) -> bool:
    """Whether every value is 0 or 1."""
    v = np.asarray(values, dtype=np.float64)
    return bool(((v == 0) | (v == 1)).all())


def _differences(
    before: Sequence[float], after: Sequence[float], weights: Sequence[float] | None
) -> tuple[Floats, Floats]:
    assert len(before) == len(after)
    one, two = np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64)
    with np.errstate(invalid="ignore"):  # infinite - infinite is no number, and is shown as such
        difference = two - one
        noise = np.isfinite(difference) & (
            np.abs(difference) <= ROUNDING * np.maximum(np.abs(one), np.abs(two))
        )
    difference[noise] = 0.0
    return difference, np.ones_like(difference) if weights is None else np.asarray(weights, dtype=np.float64)


def _share(right: int, n: int) -> Estimate:
    """Wilson's interval (1927): it holds its 95 % for rare answers too, and is not [0, 0] for none of n."""
    z = NormalDist().inv_cdf(0.975)
    share, scale = right / n, 1 + z * z / n
    middle = (share + z * z / (2 * n)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low = 0.0 if right == 0 else middle - half
    return Estimate(share, n, low, 1.0 if right == n else middle + half)


def _estimate(sums: Floats, weights: Floats) -> Estimate:
    n = len(sums)
    assert n > 0, "a mean needs rows"
    value = float(sums.sum() / weights.sum())
    if n < SMALLEST:
        return Estimate(value, n, None, None)
    if not np.isfinite(sums).all():
        return Estimate(value, n, math.nan, math.nan)
    outside = NormalDist().cdf(-math.sqrt(n / (n - 1)) * _student(n - 1))
    low, high = np.quantile(_resample(sums, weights), [outside, 1 - outside])
    nothing = ROUNDING * float(np.abs(sums).sum() / weights.sum())
    return Estimate(value, n, *(0.0 if abs(bound) <= nothing else float(bound) for bound in (low, high)))


def _student(freedom: int) -> float:
    """The 97.5 % point of Student's t, to 0.2 % from 5 degrees of freedom on (Abramowitz and Stegun 26.7.5)."""
    z = NormalDist().inv_cdf(0.975)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return z + sum(term / float(freedom) ** (i + 1) for i, term in enumerate(terms))


def _resample(sums: Floats, weights: Floats) -> Floats:
    """RESAMPLES means of rows drawn with replacement, in pieces that fit into memory."""
    generator = np.random.Generator(np.random.PCG64(SEED))
    n = len(sums)
    even = bool((weights == weights[0]).all())
    parts = []
    for rows in _pieces(RESAMPLES, n):
        drawn = generator.integers(0, n, size=(rows, n))
        with np.errstate(invalid="ignore"):  # rows of no weight alone have no mean
            parts.append(sums[drawn].sum(1) / (n * weights[0] if even else weights[drawn].sum(1)))
    return np.concatenate(parts)


def _pieces(rows: int, columns: int) -> Iterator[int]:
    """How many rows to draw at a time."""
    most = max(1, CHUNK // columns)
    yield from (min(most, rows - start) for start in range(0, rows, most))


def exact_mcnemar(before: Sequence[float], after: Sequence[float]) -> float:
    """Two-sided exact p that right (1) and wrong (0) answers changed by chance alone (McNemar 1947, binomial)."""
    fixed = sum(1 for b, a in zip(before, after, strict=True) if a > b)
    broken = sum(1 for b, a in zip(before, after, strict=True) if a < b)
    changed = fixed + broken
    tail = sum(math.comb(changed, k) for k in range(min(fixed, broken) + 1))
    return float(min(1.0, 2 * tail / 2**changed))


def randomisation_p(
    before: Sequence[float],
    after: Sequence[float],
    weights: Sequence[float] | None = None,
    flips: int = SIGN_FLIPS,
) -> float:
    """Two-sided p that the rows' differences have their signs by chance alone (Fisher's paired randomisation).

    The share of arrangements of signs whose sum is at least as far from 0 as the one found: all of them for
    few changed rows, else `flips` drawn ones, of which the one found counts as one more. For right and wrong
    answers it is McNemar's exact test. 1.0 where a difference is not finite.
    """
    difference, w = _differences(before, after, weights)
    changed = (difference * w)[difference != 0]
    if not len(changed) or not np.isfinite(changed).all():
        return 1.0
    # sums that are equal on paper may differ in their last digits
    far = abs(float(changed.sum())) * (1 - 1e-9) - ROUNDING * float(np.abs(changed).sum())
    if len(changed) <= ALL_FLIPS:
        codes = np.arange(2 ** len(changed))[:, None] >> np.arange(len(changed))
        return float(np.mean(np.abs((1 - 2 * (codes & 1)) @ changed) >= far))
    generator = np.random.Generator(np.random.PCG64(SEED))
    found = 0
    for rows in _pieces(flips, len(changed)):
        signs = 1 - 2 * generator.integers(0, 2, size=(rows, len(changed)), dtype=np.int8)
        found += int((np.abs(signs @ changed) >= far).sum())
    return (found + 1) / (flips + 1)


def holm(ps: Sequence[float]) -> list[float]:
    """The p values adjusted for all of them being looked at, in their order (Holm 1979).

    The chance that any of those below 0.05 is there by chance alone is then below 5 %.
    """
    adjusted, largest = [0.0] * len(ps), 0.0
    for place, index in enumerate(sorted(range(len(ps)), key=lambda i: ps[i])):
        largest = max(largest, min(1.0, ps[index] * (len(ps) - place)))
        adjusted[index] = largest
    return adjusted
