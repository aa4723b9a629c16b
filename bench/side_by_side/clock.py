"""What a process has used so far in, what a step used out."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Stamp:
    """CPU seconds of all threads, wall seconds and page faults up to now."""

    user_seconds: float
    system_seconds: float
    wall_seconds: float
    page_faults: int


def stamp() -> Stamp:
    """Now."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return Stamp(used.ru_utime, used.ru_stime, time.perf_counter(), used.ru_minflt)


def peak_bytes() -> int:
    """Largest resident memory of this process so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def step_record(
    before: Stamp, after: Stamp, losses: Sequence[float], computed_tokens: int | None = None
) -> dict[str, Any]:
    """The record of a measured step; `computed_tokens` counts padding, None where there is none."""
    user, system = after.user_seconds - before.user_seconds, after.system_seconds - before.system_seconds
    return {
        "cpu_seconds": user + system,
        "system_seconds": system,
        "wall_seconds": after.wall_seconds - before.wall_seconds,
        "page_faults": after.page_faults - before.page_faults,
        "peak_bytes": peak_bytes(),
        "losses": list(losses),
        "computed_tokens": computed_tokens,
    }
