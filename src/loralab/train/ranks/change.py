"""A run that goes on and the processes it goes on with in, what is to be said and set where their number is another out."""

from __future__ import annotations

from loralab.run.view import Run
from loralab.train.ranks.base import Ranks
from loralab.words import Words, say

CODE = "world_size_changed"


def began_with(run: Run) -> int:
    """The number of processes that a run began with."""
    found = run.manifest.get("ranks", {}).get("world_size", 1)
    return found if isinstance(found, int) else 1


def change_words(run: Run, ranks: Ranks) -> Words | None:
    """What to say of numbers that may differ by rounding from here on; None with as many processes as before."""
    before = began_with(run)
    if before == ranks.world:
        return None
    return say(
        "this run began on {before} processes and goes on with {now}: from here on losses are the same within 1e-5 of"
        " their value (1e-2 in bfloat16), not to the last bit",
        before=before, now=ranks.world,
    )  # fmt: skip


def use_threads(run: Run, ranks: Ranks) -> None:
    """Use the thread count that the run began with: sums are then the same to the last bit.

    With another number of processes they are not, and each takes its part of the cores instead.
    """
    import torch

    threads = run.manifest.get("hardware", {}).get("threads")
    if isinstance(threads, int) and threads > 0 and began_with(run) == ranks.world:
        torch.set_num_threads(threads)
