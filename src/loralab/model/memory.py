"""An exception in, whether it is a failed allocation out."""

from __future__ import annotations

# How torch, safetensors and the system say that memory ran out, in errors of no class of their own.
SAYINGS = ("allocate memory", "not enough memory", "out of memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an allocation failed, on any device."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(saying in text for saying in SAYINGS)
