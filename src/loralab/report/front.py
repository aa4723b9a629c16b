"""Points of cost and score in, those that no other point beats in both out."""

from __future__ import annotations

import math
from collections.abc import Sequence


def pareto_front(points: Sequence[tuple[float, float]], lower_is_better: bool) -> list[int]:
    """Places of the points (cost, score) beside which none costs no more and scores no worse; by rising cost.

    Of equal points all are on the front; a point with a number that is not finite is not.
    """
    sign = 1 if lower_is_better else -1
    known = [
        (cost, sign * score, i)
        for i, (cost, score) in enumerate(points)
        if math.isfinite(cost) and math.isfinite(score)
    ]
    return [
        i
        for cost, loss, i in sorted(known)
        if not any((c <= cost and x <= loss) and (c, x) != (cost, loss) for c, x, _ in known)
    ]
