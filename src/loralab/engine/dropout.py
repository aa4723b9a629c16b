"""The one dropout mask of loralab: a pure function of (seed, step, row, module).

Because nothing else goes in, a row is dropped alike in any micro-batch, on any rank, when activations are
recomputed, and after a resume. Bits come from a stream that the device decides; each element takes 16 of them. Here
they are those of NumPy's SFC64, which are the same on every machine; `device_dropout` makes masks of Philox.
"""

from __future__ import annotations

import hashlib
from typing import Literal

import numpy as np
import numpy.typing as npt

LEVELS = 1 << 16

Stream = Literal["sfc64", "philox"]


def stream_of(device: str) -> Stream:
    """Whose bits masks are made of on a device: the one place where that is decided, for all engines."""
    return "philox" if device.partition(":")[0] == "cuda" else "sfc64"


def drop_level(dropout: float) -> int:
    """How many of the 65,536 levels are dropped: dropout 0.1 is 6,554 of them, 10.0006 %; never all, for a dropout below 1."""
    return min(round(dropout * LEVELS), LEVELS - 1)


def keep_scale(dropout: float) -> float:
    """What kept elements are multiplied with, so that the expectation is unchanged."""
    return LEVELS / (LEVELS - drop_level(dropout))


def dropout_mask(
    seed: int, step: int, row: str, module: str, num_tokens: int, width: int, dropout: float
) -> npt.NDArray[np.bool_]:
    """Which elements of a module's input stay, (num_tokens, width), by SFC64.

    The mask of fewer tokens is the beginning of the mask of more.
    """
    key = hashlib.blake2b(f"{seed}\0{step}\0{row}\0{module}".encode(), digest_size=24).digest()
    bits = np.random.SFC64(np.random.SeedSequence(int.from_bytes(key, "little")))
    words = np.asarray(bits.random_raw(-(-num_tokens * width // 4)), dtype="<u8")
    levels = words.view("<u2")[: num_tokens * width].reshape(num_tokens, width)
    return levels >= np.uint16(drop_level(dropout))
