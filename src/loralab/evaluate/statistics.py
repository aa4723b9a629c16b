"""Values of rows in, a mean with its 95 % bootstrap interval out; seeded, so that it is the same everywhere."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

RESAMPLES = 2000
SEED = 20240229
CHUNK = 4_000_000
# With fewer rows not even differences of one sign are significant: 2 x 0.5^5 > 0.05, and the bootstrap,
# which knows no value but those it saw, would say so all the same.
SMALLEST = 6


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
    """Sum of weight x value over sum of weights, with the percentile bootstrap interval over rows.

    With equal weights this is the plain mean; with token counts as weights and mean token losses as values
    it is the loss over all tokens.
    """
    v = np.asarray(values, dtype=np.float64)
    w = np.ones_like(v) if weights is None else np.asarray(weights, dtype=np.float64)
    return _estimate(v * w, w)


def paired_difference(
    before: Sequence[float], after: Sequence[float], weights: Sequence[float] | None = None
) -> Estimate:
    """Mean of after - before over the same rows in the same order, with its paired bootstrap interval."""
    assert len(before) == len(after)
    difference = np.asarray(after, dtype=np.float64) - np.asarray(before, dtype=np.float64)
    w = np.ones_like(difference) if weights is None else np.asarray(weights, dtype=np.float64)
    return _estimate(difference * w, w)


def _estimate(sums: npt.NDArray[np.float64], weights: npt.NDArray[np.float64]) -> Estimate:
    n = len(sums)
    assert n > 0, "a mean needs rows"
    value = float(sums.sum() / weights.sum())
    if n < SMALLEST:
        return Estimate(value, n, None, None)
    means = _resample(sums, weights)
    low, high = np.quantile(means, [0.025, 0.975])
    return Estimate(value, n, float(low), float(high))


def _resample(sums: npt.NDArray[np.float64], weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """RESAMPLES means of rows drawn with replacement, in pieces that fit into memory."""
    generator = np.random.Generator(np.random.PCG64(SEED))
    n = len(sums)
    rows = max(1, CHUNK // n)
    parts = []
    for start in range(0, RESAMPLES, rows):
        drawn = generator.integers(0, n, size=(min(rows, RESAMPLES - start), n))
        parts.append(sums[drawn].sum(1) / weights[drawn].sum(1))
    return np.concatenate(parts)


def exact_mcnemar(before: Sequence[float], after: Sequence[float]) -> float:
    """Two-sided exact p that right (1) and wrong (0) answers changed by chance alone (McNemar 1947, binomial)."""
    fixed = sum(1 for b, a in zip(before, after, strict=True) if a > b)
    broken = sum(1 for b, a in zip(before, after, strict=True) if a < b)
    changed = fixed + broken
    tail = sum(math.comb(changed, k) for k in range(min(fixed, broken) + 1))
    return float(min(1.0, 2 * tail / 2**changed))
