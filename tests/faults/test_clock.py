"""A clock that is set back while a run goes on: its order, its numbers and its times stay what they are."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path

from doubles.same_run import differences
from faults.blows import read
from faults.forked import Forked
from faults.small_job import SmallJob
from loralab.report.facts import wall_seconds
from loralab.run import events
from loralab.run.view import Run, open_run


def going_back() -> None:
    """For the child: from the 60th event on the clock is an hour behind."""
    count = itertools.count()

    def utc_now() -> str:
        behind = timedelta(hours=1 if next(count) >= 60 else 0)
        return (datetime.now(UTC) - behind).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    events.utc_now = utc_now


def test_a_clock_that_is_set_back_changes_nothing_but_the_times_said(
    small_job: SmallJob, tmp_path: Path
) -> None:
    path = tmp_path / "runs" / "0001-job"
    first = Forked(
        ("train", small_job.config, f"run.dir={path.parent}"), tmp_path / "said.txt", before=going_back
    )
    first.wait_until(lambda: b'"step": 7,' in read(path / "events.jsonl"))
    first.kill()
    first.wait()
    said = Forked(("resume", path), tmp_path / "said.txt").said()
    assert said.code == 0, said.err
    run = open_run(path)
    assert differences(run, open_run(small_job.run)) == []
    assert times_go_back(run), "or this test would show nothing"
    assert all(e["seconds"] >= 0 for e in run.record.of_kind("step", "stage_finished"))
    assert 0 < wall_seconds(run) < 3600


def times_go_back(run: Run) -> bool:
    times = [e["time"] for e in run.record.events]
    return times != sorted(times)
