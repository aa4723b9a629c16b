"""The base of a made study in, what its cells were told to do out; nobody loads its model."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

BASE = """\
model: {name: /models/Some-Model}
data: {train: rows.jsonl, test: 4, probes: 2}
lora: {rank: 4}
train: {learning_rate: 1e-2}
track: {swanlab: off}
"""
FAKE_COMMAND = (sys.executable, str(Path(__file__).with_name("fake_cell.py")))
WriteStudy = Callable[..., Path]  # see the fixture write_study


def commands(study: Path) -> dict[str, list[str]]:
    """The commands that each cell was given, by its folder's name without the id."""
    return {
        path.parent.name.rpartition("-")[0]: path.read_text().split()
        for path in sorted(study.glob("cells/*/trained.txt"))
    }
