"""How far a run is, from its record."""

from __future__ import annotations

import math
from typing import Any

from loralab.report.progress import RECENT_STEPS, Progress, progress, stage_in_progress
from loralab.run.events import Record


def record(*events: dict[str, Any]) -> Record:
    return Record(tuple({"seq": seq, **event} for seq, event in enumerate(events)))


def step(number: int, seconds: Any = 2.0) -> dict[str, Any]:
    return {"kind": "step", "step": number, "seconds": seconds}


PLAN = {"kind": "plan", "steps": 100}


def test_nothing_is_known_of_a_run_that_has_not_begun() -> None:
    for now in (progress(record()), progress(record({"kind": "run_started"}))):
        assert (now.step, now.total) == (0, 0) and math.isnan(now.seconds_left)
    assert math.isnan(progress(record(PLAN)).seconds_left)


def test_the_time_left_is_that_of_recent_steps() -> None:
    slow = [step(n, 60.0) for n in range(1, 11)]
    assert progress(record(PLAN, *slow)) == Progress(10, 100, 5400.0)
    fast = [step(n, 0.5) for n in range(11, 11 + RECENT_STEPS)]
    assert progress(record(PLAN, *slow, *fast)) == Progress(60, 100, 20.0)


def test_after_a_resume_the_steps_of_the_process_before_do_not_count() -> None:
    resumed = {"kind": "run_resumed", "from_step": 8}
    made = [step(n, 60.0) for n in range(1, 11)]
    assert math.isnan(progress(record(PLAN, *made, resumed)).seconds_left)
    assert progress(record(PLAN, *made, resumed)).step == 8
    assert progress(record(PLAN, *made, resumed, {**PLAN, "steps": 50}, step(9, 1.0))) == Progress(
        9, 50, 41.0
    )


def test_the_end_has_no_time_left_and_odd_seconds_are_not_counted() -> None:
    assert progress(record({**PLAN, "steps": 2}, step(1), step(2))).seconds_left == 0
    assert progress(record({**PLAN, "steps": 3}, step(1, "NaN"), step(2, 4.0))).seconds_left == 4.0


def test_a_stage_is_in_progress_from_its_start_to_its_end() -> None:
    begun = [{"kind": "stage_started", "stage": "before"}, {"kind": "prediction", "stage": "before"}]
    assert stage_in_progress(record(PLAN, *begun)) == ("before", 1)
    assert stage_in_progress(record(*begun, begun[1], {"kind": "scored"})) == ("before", 2)
    assert stage_in_progress(record(*begun, {"kind": "stage_finished", "stage": "before"})) is None
    assert stage_in_progress(record(*begun, {"kind": "run_resumed", "from_step": 0})) is None
    assert stage_in_progress(record()) is None
