"""A folder of broken runs, and rows that cannot be used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


@pytest.fixture
def bad_rows(tmp_path: Path) -> Path:
    """Three good rows and two bad ones, in lines 2 and 4."""
    path = tmp_path / "bad.jsonl"
    good = [json.dumps({"question": f"q{i}", "answer": f"a{i}"}) for i in range(3)]
    path.write_text(
        "\n".join([good[0], "{broken", good[1], '{"question": "q", "answer": " "}', good[2]]) + "\n"
    )
    return path
