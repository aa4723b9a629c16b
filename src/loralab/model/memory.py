"""An exception in, whether it is a failed allocation out, in words that say what needs less."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from loralab.errors import Problem, ResourceError
from loralab.safe_text import first_line
from loralab.words import Words, say

# How torch, safetensors and the system say that memory ran out, in errors of no class of their own.
SAYINGS = ("allocate memory", "not enough memory", "out of memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an allocation failed, on any device."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(saying in text for saying in SAYINGS)


@contextlib.contextmanager
def naming_what_needs_less(where: str, why: Words, advice: Words) -> Iterator[None]:
    """Turn an out-of-memory error of the block into a ResourceError: `why` says what is safe, `advice` what to turn."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:  # torch.OutOfMemoryError is a RuntimeError
        if not is_out_of_memory(error):
            raise
        reason = first_line(error)
        raise ResourceError(
            Problem(say("memory does not suffice: {reason}", reason=reason), where, why, advice)
        ) from error
