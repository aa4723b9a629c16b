"""Tokens of a micro-batch and a module in, which elements of its input stay out: dropout masks made where the tensors lie.

A mask is the same pure function of (seed, step, row, module) on every such device, of other bits than NumPy's on a CPU.
Philox's key is the digest of (seed, step, module), the upper half of its counter that of (seed, step, row), and the
lower half counts blocks of eight elements along (token, width), 16 bits each. All rows go through together, without
waiting for the device.

On CUDA one kernel of Triton makes a mask where Triton is installed and gives the very bits of torch's operations on a
small example; elsewhere these operations do. Which of them it is changes no bit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np

from loralab.engine.dropout import LEVELS, drop_level
from loralab.engine.philox import LOW, ROUNDS, TENSORS_MOVED, philox
from loralab.extras import is_installed
from loralab.model.memory import is_out_of_memory
from loralab.safe_text import first_line
from loralab.words import Words, say

BLOCK = 8  # elements that share 128 bits
PIECE = 1 << 22  # elements made at a time: about 25 MB of temporaries, which the caches of large GPUs hold

# The small example: one block, no multiple of 8, and more blocks than a program of the kernel makes, of both kinds.
CHECKED_WIDTHS = (8, 13, 2056, 2061)

# By torch: bytes read or written for an element where the width is a multiple of 8; a tensor of int64 has one byte an element.
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
    """Which elements of a module's input stay, (T, width) bool, for tokens of `mask_tokens` or some of them."""
    key = _digest(seed, step, "module", module)
    return _kernel_on(tokens.device).make(tokens, key, width, drop_level(dropout))


@dataclass(frozen=True)
class MaskKernel:
    """`make(tokens, key, width, dropped_levels)` gives (T, width) bool; `warning` (code, words) says why Triton's does not."""

    name: Literal["triton", "torch"]
    make: Callable[[Any, tuple[int, int], int, int], Any]
    warning: tuple[str, Words] | None = None


def mask_kernel(device: str) -> MaskKernel:
    """What makes masks on a device such as "cuda": settled once for each device of a process, which waits for the device."""
    import torch

    return _kernel_on(torch.empty(0, device=device).device)


@cache
def _kernel_on(device: Any) -> MaskKernel:
    if device.type != "cuda" or not is_installed("triton"):
        return MaskKernel("torch", torch_mask)
    return try_triton(device)


def try_triton(device: Any) -> MaskKernel:
    """The kernel of Triton if it gives the bits of torch's operations, else these operations and why."""
    try:
        from loralab.engine.philox_kernel import triton_mask

        width = _first_difference(triton_mask, device)
    except Exception as error:  # seam: Triton has error classes of its own, and runs compilers
        if is_out_of_memory(error):
            raise
        words = say(
            "dropout masks are made by operations of torch, the same bits in more time: the kernel of Triton fails here: {error}",
            error=first_line(error),
        )
        return MaskKernel("torch", torch_mask, ("mask_kernel_fails", words))
    if width is None:
        return MaskKernel("triton", triton_mask)
    words = say(
        "dropout masks are made by operations of torch: the kernel of Triton makes others, of width {width}",
        width=width,
    )
    return MaskKernel("torch", torch_mask, ("mask_kernel_disagrees", words))


def _first_difference(make: Callable[[Any, tuple[int, int], int, int], Any], device: Any) -> int | None:
    """The first of the widths for which `make` does not give the bits of torch's operations."""
    import torch

    tokens, key = mask_tokens(0, 1, (("a", 3), ("b", 2)), device), _digest(0, 1, "module", "a")
    for width in CHECKED_WIDTHS:
        given, expected = (of(tokens, key, width, LEVELS // 2) for of in (make, torch_mask))
        if not torch.equal(given, expected):
            return width
    return None


def torch_mask(tokens: Any, key: tuple[int, int], width: int, dropped_levels: int) -> Any:
    """A mask by operations of torch, in pieces.

    Beside the result it holds temporaries for `PIECE` elements, 6 bytes each (14 if the width is no multiple of 8).
    """
    import torch

    kept = torch.empty((tokens.shape[1], width), dtype=torch.bool, device=tokens.device)
    tokens_at_once = max(1, PIECE // width)
    for start in range(0, len(kept), tokens_at_once):
        part = slice(start, start + tokens_at_once)
        kept[part] = _piece(tokens[:, part], key, width, dropped_levels)
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
