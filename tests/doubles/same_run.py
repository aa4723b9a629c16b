"""Two run folders in, where they differ in what must not depend on whether a run was broken off out."""

from __future__ import annotations

import json
from typing import Any

from loralab.run.view import Run
from loralab.train.checkpoint import Checkpoint, find_checkpoints

PASSING = {"seq", "time", "seconds", "peak_bytes"}


def numbers(run: Run) -> dict[str, Any]:
    """Everything of a run that must not depend on whether it was interrupted."""
    return {
        "steps": [{k: v for k, v in e.items() if k not in PASSING} for e in run.record.steps()],
        "held_out": [{k: v for k, v in e.items() if k not in PASSING} for e in run.record.held_out()],
        "predictions": {
            s: [{k: v for k, v in p.items() if k != "seconds"} for p in run.predictions(s)]
            for s in run.stages
        },
        "scores": run.all_scores,
        "rows": {s: run.score_rows(s) for s in run.stages},
        # the model card beside them tells the time that the run took
        "adapter": {p.name: p.read_bytes() for p in sorted(run.folder.adapter.glob("adapter_*"))},
    }


def differences(found: Run, whole: Run) -> list[str]:
    """What is not as in the uninterrupted run, or not as any finished run is; empty if all is well."""
    mine, theirs = numbers(found), numbers(whole)
    wrong = [part for part, value in theirs.items() if mine[part] != value]
    wrong += [
        f"checkpoint {name}" for name in sorted(saved(whole)) if saved(found).get(name) != saved(whole)[name]
    ]
    if [e["seq"] for e in found.record.events] != list(range(len(found.record.events))):
        wrong.append("seq has a gap")
    if found.status != "finished":
        wrong.append(f"status {found.status}")
    if found.folder.lock.exists():
        wrong.append("LOCK is left")
    if not found.folder.report.is_file():
        wrong.append("there is no report")
    return wrong


def saved(run: Run) -> dict[str, Any]:
    """The hashes of the files of each whole checkpoint; a run that was stopped may have more of them."""
    whole = [found.path for found in find_checkpoints(run.folder) if isinstance(found, Checkpoint)]
    return {path.name: json.loads((path / "state.json").read_text("utf-8"))["files"] for path in whole}
