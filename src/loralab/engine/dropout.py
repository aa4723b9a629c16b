"""The one dropout mask of loralab: a pure function of (seed, step, row, module).

Because nothing else goes in, a row is dropped alike in any micro-batch, on any rank, when activations are
recomputed, and after a resume. Bits come from NumPy's SFC64, whose streams are the same on every machine;
each element takes 16 of them.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

LEVELS = 1 << 16


def drop_level(dropout: float) -> int:
    """How many of the 65,536 levels are dropped: dropout 0.1 is 6,554 of them, 10.0006 %."""
    return round(dropout * LEVELS)


def keep_scale(dropout: float) -> float:
    """What kept elements are multiplied with, so that the expectation is unchanged."""
    return LEVELS / (LEVELS - drop_level(dropout))


def dropout_mask(
    seed: int, step: int, row: str, module: str, num_tokens: int, width: int, dropout: float
) -> npt.NDArray[np.bool_]:
    """Which elements of a module's input stay, (num_tokens, width).

    The mask of fewer tokens is the beginning of the mask of more.
    """
    key = hashlib.blake2b(f"{seed}\0{step}\0{row}\0{module}".encode(), digest_size=24).digest()
    bits = np.random.SFC64(np.random.SeedSequence(int.from_bytes(key, "little")))
    words = np.asarray(bits.random_raw(-(-num_tokens * width // 4)), dtype="<u8")
    levels = words.view("<u2")[: num_tokens * width].reshape(num_tokens, width)
    return levels >= np.uint16(drop_level(dropout))
