"""Long series of numbers in, what a picture needs of them out: the places that show, a running mean, the gaps."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]
FEWEST_TO_SMOOTH = 20


def values_of(numbers: Sequence[float]) -> Values:
    """Numbers copied into an array (n,)."""
    return np.array(numbers, dtype=np.float64)


def kept_places(values: Values, buckets: int) -> npt.NDArray[np.int64]:
    """Places (k,) of at most four finite values of each bucket: first, lowest, highest, last; so no peak is lost.

    Values that are not finite all stay: each one breaks the line.
    """
    if len(values) <= 4 * buckets:
        return np.arange(len(values))
    size = math.ceil(len(values) / buckets)
    grid = np.full((math.ceil(len(values) / size), size), math.nan)
    grid.flat[: len(values)] = values
    finite = np.isfinite(grid)
    lowest, highest = np.where(finite, grid, math.inf).argmin(1), np.where(finite, grid, -math.inf).argmax(1)
    last = size - 1 - finite[:, ::-1].argmax(1)
    keep = ~finite
    for places in (finite.argmax(1), lowest, highest, last):
        keep[np.arange(len(grid)), places] = True  # of a bucket without a finite value all stay anyway
    return np.flatnonzero(keep.flat[: len(values)])


def running_mean(values: Values, window: int) -> Values:
    """The mean of the finite values in a window round each value; a value that is not finite stays so."""
    finite = np.isfinite(values)
    sums = np.concatenate([[0.0], np.cumsum(np.where(finite, values, 0.0))])
    counts = np.concatenate([[0], np.cumsum(finite)])
    places = np.arange(len(values))
    low, high = np.maximum(0, places - window // 2), np.minimum(len(values), places + window // 2 + 1)
    means = (sums[high] - sums[low]) / np.maximum(counts[high] - counts[low], 1)
    return np.where(finite, means, values)


def mean_window(count: int) -> int:
    """The steps that a running mean over so many steps takes in: a fortieth of them, at least 5, an odd number."""
    return max(5, count // 40) // 2 * 2 + 1


def gap_places(values: Values) -> list[tuple[int, int]]:
    """(first, last) place of every stretch of values that are not finite."""
    lost = np.concatenate([[False], ~np.isfinite(values), [False]]).astype(np.int8)
    edges = np.diff(lost)
    firsts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    return [(int(first), int(end) - 1) for first, end in zip(firsts, ends, strict=True)]
