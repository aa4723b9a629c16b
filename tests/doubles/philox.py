"""A counter and a key in, the 128 bits of Philox 4x32-10 out: figure 2 of its paper in Python's numbers without an end."""

from __future__ import annotations

from collections.abc import Sequence

LOW = 0xFFFFFFFF


def by_hand(counter: Sequence[int], key: tuple[int, int]) -> list[int]:
    """The four words of a block."""
    a, b, c, d = counter
    k, m = key
    for _ in range(10):
        low, high = 0xD2511F53 * a, 0xCD9E8D57 * c
        a, b, c, d = (high >> 32) ^ b ^ k, high & LOW, (low >> 32) ^ d ^ m, low & LOW
        k, m = (k + 0x9E3779B9) & LOW, (m + 0xBB67AE85) & LOW
    return [a, b, c, d]
