"""The record of a run so far in, how far it is and how much of its training is left out."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass

from loralab.run.events import Record
from loralab.run.numbers import to_float

RECENT_STEPS = 50  # that the time left is reckoned from


@dataclass(frozen=True)
class Progress:
    """The last step, of how many (0: not planned yet), and the seconds of training left (NaN: unknown)."""

    step: int = 0
    total: int = 0
    seconds_left: float = math.nan


def progress(record: Record) -> Progress:
    """Where training stands. Stages are not part of the time left: how long answers take is not known before."""
    plans, steps, resumes = record.of_kind("plan"), record.steps(), record.of_kind("run_resumed")
    total = int(plans[-1]["steps"]) if plans else 0
    step = int(steps[-1]["step"]) if steps else 0
    before = int(resumes[-1]["from_step"]) if resumes else 0  # made by a process on another machine, perhaps
    recent = [to_float(e.get("seconds")) for e in steps[-RECENT_STEPS:] if int(e["step"]) > before]
    known = [seconds for seconds in recent if math.isfinite(seconds)]
    left = statistics.fmean(known) * max(0, total - step) if known and total else math.nan
    return Progress(step, total, left)


def stage_in_progress(record: Record) -> tuple[str, int] | None:
    """The stage that is being evaluated and how many answers it has; None if none is."""
    answers = 0
    for event in reversed(record.events):
        if event["kind"] == "stage_started":
            return str(event["stage"]), answers
        if event["kind"] in ("stage_finished", "step", "run_resumed"):
            return None
        answers += event["kind"] == "prediction"
    return None
