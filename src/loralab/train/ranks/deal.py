"""The lengths of a step's rows in, which process computes which of them out."""

from __future__ import annotations

import heapq
from collections.abc import Sequence


def deal(lengths: Sequence[int], world: int) -> list[list[int]]:
    """The places of the rows of each process, ascending, so that all have about as many tokens.

    The longest row goes first, each to the process with the fewest tokens so far, the lower rank of equals. More
    processes than rows leave some without any.
    """
    loads = [(0, rank) for rank in range(world)]
    dealt: list[list[int]] = [[] for _ in range(world)]
    for place in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        tokens, rank = heapq.heappop(loads)
        dealt[rank].append(place)
        heapq.heappush(loads, (tokens + lengths[place], rank))
    return [sorted(places) for places in dealt]
