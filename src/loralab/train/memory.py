"""Where a run is in, the words for memory that does not suffice there out."""

from __future__ import annotations

from contextlib import AbstractContextManager

from loralab.model.memory import naming_what_needs_less
from loralab.words import say


def naming_the_knobs(where: str) -> AbstractContextManager[None]:
    """Turn an out-of-memory error of the block into a ResourceError that says what to turn."""
    return naming_what_needs_less(
        where,
        say("everything up to the last checkpoint is saved"),
        say("in training, set train.batch_rows lower and train.accumulate as much higher (the result is"
            " the same), train.recompute=on, or data.max_tokens lower; in evaluation, evaluate.batch_rows lower"),
    )  # fmt: skip
