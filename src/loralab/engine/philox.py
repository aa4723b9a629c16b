"""Counters and a key in, random bits that depend on nothing else out: Philox 4x32-10, in torch's operations on any device.

Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3 (SC 2011). Words of 32 bits lie in int64, whose
products wrap around as those of unsigned numbers do; all but one tensor of temporaries is the state itself.
"""

from __future__ import annotations

from typing import Any

ROUNDS = 10
MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
LOW = 0xFFFFFFFF

# What a block of 128 bits costs: int64 tensors that are held, and that are read or written, in the rounds.
TENSORS_HELD = 5
TENSORS_MOVED = ROUNDS * 2 * (2 + 2 + 3 + 2 + 2)

Four = tuple[Any, Any, Any, Any]


def philox(counters: Four, key: tuple[int, int]) -> Four:
    """The 128 bits of each counter: int64 tensors of one shape, in their lower halves 32 bits, the lowest word first.

    Counters are words too, with nothing in their upper halves; their tensors are overwritten. The upper halves of
    what is returned are of no meaning.
    """
    import torch

    spare = torch.empty_like(counters[0])
    for number in range(ROUNDS):
        first, second = ((key[i] + number * KEY_STEPS[i]) & LOW for i in (0, 1))
        c0, c1, c2, c3 = counters
        _multiply(c0, c3, MULTIPLIERS[0], second, spare)
        _multiply(c2, c1, MULTIPLIERS[1], first, spare)
        counters = c1, c2, c3, c0
    return counters


def _multiply(word: Any, other: Any, multiplier: int, key: int, spare: Any) -> None:
    """The product in `word`; in `other` its upper half ^ other ^ key, cut to 32 bits for the next product."""
    import torch

    word.mul_(multiplier)
    torch.bitwise_right_shift(word, 32, out=spare)
    other.bitwise_xor_(spare).bitwise_xor_(key).bitwise_and_(LOW)
