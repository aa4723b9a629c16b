"""The kernel of Triton makes the masks that torch's operations make: by Triton's interpreter, on a CPU.

No GPU has run it. That it compiles for CUDA is checked too, which needs none.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from doubles.triton_masks import asked, cases
from loralab.extras import is_installed

needs_triton = pytest.mark.skipif(
    not is_installed("triton"), reason="Triton is not installed: it comes with torch for CUDA"
)


@pytest.fixture(scope="module")
def interpreted() -> dict[str, tuple[int, int, int]]:
    return dict(asked("interpret", TRITON_INTERPRET="1"))


@needs_triton
@pytest.mark.parametrize("case", cases())
def test_it_makes_the_bits_of_torchs_operations(
    case: str, interpreted: dict[str, tuple[int, int, int]]
) -> None:
    elements, kept, others = interpreted[case]
    arrangement, _, width, level = cases()[case]
    tokens = {"none": 0, "beyond 32 bits": 5}.get(arrangement, 3)
    assert (elements, others) == (tokens * width, 0)
    if elements > 1000:
        assert kept / elements == pytest.approx(1 - level / 65536, abs=0.05)


@needs_triton
def test_it_compiles_for_cuda_and_writes_whole_blocks_at_once(tmp_path: Path) -> None:
    """The interpreter takes more than the compiler does."""
    found = asked("compile", TRITON_CACHE_DIR=str(tmp_path))
    assert all(size > 1000 for _, size in found.values())
    whole, parts = (found[name][0] for name in ("whole", "parts"))
    assert "st.global.b64" in whole and "st.global.b8" not in whole and "st.global.b8" in parts
    assert "mul.hi.u32" in whole


def test_nothing_else_imports_triton() -> None:
    code = (
        "import sys\nimport loralab.engine.device_dropout, loralab.engine.fast.masks, loralab.engine.plain\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"{code}assert 'triton' not in sys.modules"], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
