"""A sample of `python -m faults sigterm`: told to end, a run does so soon, and goes on to the same end."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from random import Random

import pytest

from faults.forked import Forked
from faults.sigterm import MOMENTS, MOST_SECONDS, Told, Whole, expected_codes, line, play
from faults.small_job import SmallJob
from loralab.run.view import open_run


@pytest.fixture(scope="module")
def whole(small_job: SmallJob) -> Whole:
    run = open_run(small_job.run)
    return Whole(run, datetime.fromisoformat(run.record.events[0]["time"]), ("train", small_job.config))


@pytest.mark.parametrize("moment", ["evaluation before", "checkpoint"])
def test_a_run_that_is_told_to_end_does_and_goes_on_to_the_same_end(
    whole: Whole, tmp_path: Path, moment: str
) -> None:
    told = play(whole, moment, tmp_path / "round", Random("a"), Forked)
    said = (tmp_path / "round" / "said.txt").read_text("utf-8")
    assert (told.code, told.wrong) == (143, ()), said
    assert told.seconds < MOST_SECONDS + whole.micro_batch_seconds
    assert f"loralab resume {tmp_path / 'round' / '0001-job'}" in said


def test_every_moment_has_a_length_and_only_a_start_may_end_by_the_signal_itself(whole: Whole) -> None:
    lengths = {moment: whole.seconds_of(moment) for moment in MOMENTS if moment != "evaluation after"}
    assert all(seconds > 0 for seconds in lengths.values()), lengths
    assert [moment for moment in MOMENTS if -15 in expected_codes(moment, "interrupted")] == ["start-up"]
    assert expected_codes("evaluation after", "finished") == (0,)
    assert expected_codes("evaluation after", "interrupted") == (143,)
    assert "| -15 (143 in a shell) | 0.1 |" in line(Told("start-up", "none", -15, 0.1, ()))
    assert line(Told("checkpoint", "step 3", 1, 2.0, ("exit code 1",))).endswith("| 1 | 2.0 | exit code 1 |")
