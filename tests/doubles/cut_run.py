"""A finished run in, the same as it lay there at an earlier moment out."""

from __future__ import annotations

import json
import shutil
from pathlib import Path


def cut_after(run: Path, kind: str, step_or_stage: int | str) -> None:
    """Take a finished run back to the moment after one of its events."""
    lines = (run / "events.jsonl").read_text("utf-8").splitlines(keepends=True)
    found = [json.loads(line) for line in lines]
    at = next(
        i
        for i, e in enumerate(found)
        if e["kind"] == kind and step_or_stage in (e.get("step"), e.get("stage"))
    )
    (run / "events.jsonl").write_text("".join(lines[: at + 1]), "utf-8")
    saved = {e["step"] for e in found[: at + 1] if e["kind"] == "checkpoint"}
    for path in (run / "checkpoints").iterdir():
        if int(path.name[-6:]) not in saved:
            shutil.rmtree(path)
    shutil.rmtree(run / "adapter", ignore_errors=True)
