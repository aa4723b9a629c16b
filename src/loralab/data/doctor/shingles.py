"""A text in, a 64-bit number for each run of its characters out: equal runs, equal numbers, in any process."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]

# The run c0 c1 ... has the number m(c0) + m(c1) * B + ... modulo 2^64, where m mixes the bits of a character.
# As B is odd and m has an inverse, two runs that differ in one character never share a number; other pairs do
# with a chance of about 1 in 10^19. The sums of all runs are differences of one running sum.
_BASE = 0x9E3779B97F4A7C15
_MIX = np.uint64(0xD6E8FEB86659FD93)


@lru_cache(maxsize=32)
def _powers(bits: int) -> tuple[Hashes, Hashes]:
    """2^bits powers of the base, and of its inverse."""
    inverse = pow(_BASE, -1, 1 << 64)
    up, down = (np.full(1 << bits, factor, np.uint64) for factor in (_BASE, inverse))
    up[0] = down[0] = 1
    return np.cumprod(up), np.cumprod(down)


def shingles(text: str, width: int) -> Hashes:
    """One number for each run of `width` characters, in order (n,); none for a shorter text."""
    count = len(text) - width + 1
    if count < 1:
        return np.empty(0, np.uint64)
    up, down = _powers(max(8, len(text).bit_length()))
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    codes *= _MIX
    codes ^= codes >> np.uint64(32)
    codes *= up[: len(text)]
    sums = codes.cumsum()
    runs = sums[width - 1 :].copy()
    runs[1:] -= sums[: count - 1]
    runs *= down[:count]
    return runs
