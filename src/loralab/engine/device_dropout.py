"""Tokens of a micro-batch and a module in, which elements of its input stay out: dropout masks made where the tensors lie.

A mask is the same pure function of (seed, step, row, module) on every such device, of other bits than NumPy's on a CPU.
Philox's key is the digest of (seed, step, module), the upper half of its counter that of (seed, step, row), and the
lower half counts blocks of eight elements along (token, width), 16 bits each. All rows go through together, without
waiting for the device.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from loralab.engine.dropout import LEVELS, drop_level
from loralab.engine.philox import LOW, ROUNDS, TENSORS_MOVED, philox

BLOCK = 8  # elements that share 128 bits
PIECE = 1 << 22  # elements made at a time: about 25 MB of temporaries, which the caches of large GPUs hold

# Bytes read or written for an element where the width is a multiple of 8; a tensor of int64 has one byte an element.
# Philox; counters: 1 tensor written, 2 made of it, 2 of rows; 4 of words compared into truth values, which are copied.
BYTES_MOVED = TENSORS_MOVED + 7 + 5 + 2
LAUNCHES = 5 * 2 * ROUNDS + 13  # operations of a piece


def mask_tokens(seed: int, step: int, rows: Sequence[tuple[str, int]], device: Any) -> Any:
    """What masks need to know of all tokens of rows (id, length), end to end, on the device: (3, T) int64.

    The two words of each token's row, and its place in it. It serves every module of a micro-batch.
    """
    import torch

    lengths = [length for _, length in rows]
    words = np.array([_digest(seed, step, "row", row) for row, _ in rows], np.int64).reshape(-1, 2)
    places = [np.arange(length) for length in lengths]
    numbers = np.stack([*words.repeat(lengths, 0).T, np.concatenate([np.arange(0), *places])])
    return torch.from_numpy(numbers).to(device, non_blocking=True)


def device_mask(tokens: Any, seed: int, step: int, module: str, width: int, dropout: float) -> Any:
    """Which elements of a module's input stay, (T, width) bool, for tokens of `mask_tokens` or some of them.

    Beside the result it holds temporaries for `PIECE` elements, 6 bytes each (14 if the width is no multiple of 8).
    """
    import torch

    key = _digest(seed, step, "module", module)
    kept = torch.empty((tokens.shape[1], width), dtype=torch.bool, device=tokens.device)
    tokens_at_once = max(1, PIECE // width)
    for start in range(0, len(kept), tokens_at_once):
        part = slice(start, start + tokens_at_once)
        kept[part] = _piece(tokens[:, part], key, width, drop_level(dropout))
    return kept


def _piece(tokens: Any, key: tuple[int, int], width: int, dropped_levels: int) -> Any:
    """(n, width): all blocks in which elements of these tokens lie, then the elements of each."""
    import torch

    elements = tokens[2] * width
    blocks = width // BLOCK if width % BLOCK == 0 else (width + 2 * (BLOCK - 1)) // BLOCK
    numbers = (elements >> 3)[:, None] + torch.arange(blocks, device=tokens.device)
    uppers = (word[:, None].expand_as(numbers).clone() for word in tokens[:2])
    words = philox((numbers & LOW, numbers >> 32, *uppers), key)
    kept = torch.empty((*numbers.shape, 4, 2), dtype=torch.bool, device=tokens.device)
    for place, word in enumerate(words):
        halves = word.view(torch.int16).view(*numbers.shape, 4)[..., :2]  # the lower ones: little-endian
        torch.ge(halves, dropped_levels - LEVELS // 2, out=kept[:, :, place])
    kept = kept.view(len(numbers), blocks * BLOCK)
    if width % BLOCK == 0:
        return kept
    return kept.gather(1, (elements % BLOCK)[:, None] + torch.arange(width, device=tokens.device))


def _digest(seed: int, step: int, kind: str, name: str) -> tuple[int, int]:
    """Two words of 32 bits."""
    digest = hashlib.blake2b(f"{seed}\0{step}\0{kind}\0{name}".encode(), digest_size=8).digest()
    number = int.from_bytes(digest, "little")
    return number & LOW, number >> 32
