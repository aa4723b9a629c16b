"""Tokens and a module's key in, which elements of its input stay out: the masks of `device_dropout` by one Triton kernel.

It writes the very bits that torch's operations make, and little else goes through the memory: 1 byte an element is written,
and 24 bytes a token are read. No GPU has run it: it is checked by Triton's interpreter, and it compiles for CUDA.
Importing this file imports Triton, which must be installed; only `device_dropout` does so, where it is of use.
"""

from __future__ import annotations

import ctypes
from typing import Any

import triton
import triton.language as tl

TILE = 256  # blocks of 8 elements that a program makes at most, all of one token

# Values of these change from call to call: by default the kernel would be compiled again for those that 16 divides.
VARYING = ("token_stride", "word_stride", "key", "dropped_levels", "width", "blocks")


@triton.jit(do_not_specialize=VARYING)  # type: ignore[untyped-decorator]
def kernel(
    kept: tl.tensor,
    tokens: tl.tensor,
    token_stride: tl.tensor,
    word_stride: tl.tensor,
    key: tl.tensor,
    dropped_levels: tl.tensor,
    width: tl.tensor,
    blocks: tl.tensor,
    WHOLE: tl.constexpr,
    TILE: tl.constexpr,
) -> None:
    """A token's blocks, `TILE` of them: 8 elements of a block are the bytes of an int64.

    `WHOLE`: each token begins with a block and ends with one, and `kept` is of int64; else of bytes. The annotations
    are names that Triton's compiler knows, too: it looks them up.
    """
    token = tl.program_id(0).to(tl.int64)
    block = tl.program_id(1) * TILE + tl.arange(0, TILE)
    place = tokens + token * token_stride
    element = tl.load(place + 2 * word_stride) * width
    number = (element >> 3) + block
    row = tl.zeros_like(number)
    first = (row + tl.load(place)).to(tl.uint32)
    second = (row + tl.load(place + word_stride)).to(tl.uint32)
    a, b, c, d = tl.philox(key, number.to(tl.uint32), (number >> 32).to(tl.uint32), first, second)
    eight = pair(a, dropped_levels) | (pair(b, dropped_levels) << 16)
    eight = eight | (pair(c, dropped_levels) << 32) | (pair(d, dropped_levels) << 48)
    if WHOLE:
        tl.store(kept + token * blocks + block, eight, mask=block < blocks)
    else:
        for index in tl.static_range(8):
            column = block * 8 + index - (element & 7)
            inside = (column >= 0) & (column < width)
            tl.store(kept + token * width + column, (eight >> (8 * index)).to(tl.uint8), mask=inside)


@triton.jit  # type: ignore[untyped-decorator]
def pair(word: tl.tensor, dropped_levels: tl.tensor) -> tl.tensor:
    """Whether the two elements of a word stay, as the two lowest bytes of an int64, the lower half first.

    Torch compares signed numbers of 16 bits with a level that is 32,768 lower; that is the same.
    """
    lower = ((word & 0xFFFF) ^ 0x8000) >= dropped_levels
    upper = ((word >> 16) ^ 0x8000) >= dropped_levels
    return lower.to(tl.int64) | (upper.to(tl.int64) << 8)


def triton_mask(tokens: Any, key: tuple[int, int], width: int, dropped_levels: int) -> Any:
    """Which elements stay, (T, width) bool, for tokens (3, T) of `mask_tokens`; it does not wait for the device."""
    import torch

    kept = torch.empty((tokens.shape[1], width), dtype=torch.bool, device=tokens.device)
    if len(kept) == 0:
        return kept
    whole = width % 8 == 0
    blocks = width // 8 if whole else (width + 14) // 8
    word_stride, token_stride = tokens.stride()
    with torch.cuda.device(kept.get_device()):  # where Triton launches; -1: a CPU
        kernel[(len(kept), triton.cdiv(blocks, TILE))](
            kept.view(torch.int64 if whole else torch.uint8), tokens, token_stride, word_stride, one_number(key),
            dropped_levels, width, blocks, WHOLE=whole, TILE=TILE,
        )  # fmt: skip
    return kept


def one_number(key: tuple[int, int]) -> int:
    """Two words as a signed number of 64 bits: an unsigned one would have the kernel compiled once more."""
    return ctypes.c_int64(key[0] | key[1] << 32).value
