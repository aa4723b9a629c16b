"""A run folder in, without the unfinished files that a kill has left in it out."""

from __future__ import annotations

import contextlib
import re
import shutil
from pathlib import Path

# As `files.write_chunks` and `train.checkpoint` name what is not finished, or half removed.
UNFINISHED = re.compile(r"\.(?P<of>.+?)(\.[0-9a-f]{8})?\.(tmp|old)")
# What only the one writer of a run writes: a report may be made by anyone at any time.
ROOMS = ("checkpoints", "data", "predictions", "scores")
NAMES = ("config.yaml", "manifest.json", "adapter")


def remove_leftovers(folder: Path) -> list[str]:
    """Remove what the run's own writer left unfinished; returns the names. Only for who holds the lock."""
    found = [p for room in ROOMS for p in (folder / room).glob(".*") if UNFINISHED.fullmatch(p.name)]
    found += [p for p in folder.glob(".*") if (m := UNFINISHED.fullmatch(p.name)) and m["of"] in NAMES]
    for path in found:
        _remove(path)
    return sorted(str(p.relative_to(folder)) for p in found if not p.exists())


def _remove(path: Path) -> None:
    """One that cannot be removed is in nobody's way."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
        return
    with contextlib.suppress(OSError):
        path.unlink()
