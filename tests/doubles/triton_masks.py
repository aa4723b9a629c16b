"""`interpret` or `compile` in, what Triton makes of the kernel of dropout masks out, as JSON: a process of its own for each.

Triton decides when it is imported whether its interpreter runs kernels (TRITON_INTERPRET), on a CPU.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

LOW = (1 << 32) - 1
WIDTHS = (1, 8, 9, 13, 16, 2056, 2061)  # the last two take two programs for a token
KEYS = ((0, 0), (5, 0), (LOW, LOW), (7, 1 << 31), (1 << 31, LOW >> 1))
LEVELS = (0, 1, 32768, 65535)
ARRANGEMENTS = ("none", "every second", "chosen", "beyond 32 bits")


def cases() -> dict[str, tuple[str, tuple[int, int], int, int]]:
    """Arrangement of tokens, key, width and level, by name."""
    usual = ("every second", (123, 456), 13, 20000)
    found: list[tuple[str, tuple[int, int], int, int]] = [usual]
    found += [(usual[0], usual[1], width, usual[3]) for width in WIDTHS]
    found += [(usual[0], key, 16, usual[3]) for key in KEYS]
    found += [(usual[0], usual[1], 24, level) for level in LEVELS]
    found += [(tokens, usual[1], width, usual[3]) for tokens in ARRANGEMENTS for width in (13, 24)]
    return {
        f"{tokens} {key} {width} {level}": (tokens, key, width, level) for tokens, key, width, level in found
    }


def asked(what: str, **environment: str) -> Any:
    """What `what` prints in a process of its own."""
    code = f"import sys\nsys.path.insert(0, {str(Path(__file__).parents[1])!r})\nfrom doubles import triton_masks\n"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}triton_masks.{what}()"],
        capture_output=True, text=True, check=False, env=os.environ | environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def interpret() -> None:
    """By case: how many elements a mask has, how many stay, and how many are other than by torch's operations."""
    from loralab.engine.device_dropout import torch_mask
    from loralab.engine.philox_kernel import triton_mask

    found = {}
    for name, (arrangement, key, width, level) in cases().items():
        tokens = _tokens(arrangement)
        expected, given = (make(tokens, key, width, level) for make in (torch_mask, triton_mask))
        assert given.shape == expected.shape and given.dtype == expected.dtype
        found[name] = (expected.numel(), int(expected.sum()), int((given != expected).sum()))
    print(json.dumps(found))


def _tokens(arrangement: str) -> Any:
    from loralab.engine.device_dropout import mask_tokens

    tokens = mask_tokens(1, 2, [("a", 2), ("b", 0), ("c", 3)], "cpu")
    if arrangement == "none":
        return tokens[:, :0]
    if arrangement == "every second":
        return tokens[:, ::2]
    if arrangement == "chosen":
        return tokens[:, [1, 3, 4]]
    tokens[2] += 1 << 33
    return tokens


def compile() -> None:
    """The assembly for CUDA of both kinds of the kernel, and how many bytes the machine code of each has."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from loralab.engine.philox_kernel import TILE, kernel

    found = {}
    for whole in (True, False):
        sizes = dict.fromkeys(("token_stride", "word_stride", "dropped_levels", "width", "blocks"), "i32")
        types = {"kept": "*i64" if whole else "*u8", "tokens": "*i64", "key": "i64", **sizes}
        fixed = {"WHOLE": whole, "TILE": TILE}
        signature = {name: types.get(name, "constexpr") for name in kernel.arg_names}
        made = triton.compile(ASTSource(kernel, signature, fixed), target=GPUTarget("cuda", 80, 32))
        found["whole" if whole else "parts"] = (made.asm["ptx"], len(made.asm["cubin"]))
    print(json.dumps(found))
