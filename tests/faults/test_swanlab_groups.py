"""Signals for a run's whole process group: the run alone hears those that can be held back, and SIGKILL ends all of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from doubles.warm_child import warm_children
from faults.scene import play
from faults.small_job import SmallJob
from faults.swanlab import look
from faults.swanlab_rows import rows
from loralab.track.verify import verify

ROWS = {row.fault: row for row in rows()}


@pytest.fixture(autouse=True)
def _warm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SWANLAB_ROOT", str(tmp_path / "login"))
    warm_children(monkeypatch)
    for name in (
        "STOPPED_SECONDS",
        "CLOSE_SECONDS",
    ):  # what is late on a busy machine is not what is tested here
        monkeypatch.setattr(f"loralab.track.fanout.{name}", 120.0)


def test_ctrl_c_is_left_to_the_run_which_then_closes_its_mirror(small_job: SmallJob, tmp_path: Path) -> None:
    scene, run = play(ROWS["Ctrl-C at the terminal, resumed"], small_job.config, tmp_path / "row")
    assert (scene.codes, run.status) == ([130, 0], "finished")
    # the one that heard Ctrl-C: how long SwanLab takes at the end of the resumed run is not what is tested here
    (resumed,) = run.record.of_kind("run_resumed")
    assert [e for e in run.record.of_kind("sink_failed") if e["seq"] < resumed["seq"]] == []
    assert verify(run).whole


def test_a_group_that_is_killed_is_gone_at_once_and_resume_and_sync_deliver_every_point(
    small_job: SmallJob, tmp_path: Path
) -> None:
    result = look(ROWS["whole group killed (-9), resumed"], small_job.config, tmp_path / "row")
    assert (result.codes, result.wrong, result.sent) == ((-9, 0), [], "all of it on a server")
