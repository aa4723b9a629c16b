"""Where real data sets lie on a developer's machine; tests that need them are skipped where they are absent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

SHARED = Path(
    os.environ.get("LORALAB_SHARED_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data"
)

needs_shared_data = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data are not here")


def real_files(pattern: str) -> list[Path]:
    """The files that match a pattern, in order; none where the data are absent."""
    return sorted(SHARED.glob(pattern))
