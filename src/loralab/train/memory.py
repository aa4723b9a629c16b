"""An allocation that failed in, the knobs that would make it smaller out."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from loralab.errors import Problem, ResourceError
from loralab.model.memory import is_out_of_memory
from loralab.words import say


@contextlib.contextmanager
def naming_the_knobs(where: str) -> Iterator[None]:
    """Turn an out-of-memory error of the block into a ResourceError that says what to turn."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:  # torch.OutOfMemoryError is a RuntimeError
        if not is_out_of_memory(error):
            raise
        raise ResourceError(
            Problem(
                say("memory does not suffice: {reason}", reason=(str(error).splitlines() or ["MemoryError"])[0]),
                where,
                say("everything up to the last checkpoint is saved"),
                say("in training, set train.batch_rows lower and train.accumulate as much higher (the result is"
                    " the same), train.recompute=on, or data.max_tokens lower; in evaluation, evaluate.batch_rows lower"),
            )
        ) from error  # fmt: skip
