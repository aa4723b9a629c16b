"""`loralab sync`: what it says and how it ends; the replay itself is tested in track/."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from doubles.command import Job, invoke
from loralab.run.lock import RunLock
from loralab.track.swanlab import KEPT_FOLDERS


@pytest.fixture
def copy(job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A finished run, on a machine where nobody has logged in."""
    for name in ("SWANLAB_API_KEY", "SWANLAB_MODE", *KEPT_FOLDERS):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SWANLAB_ROOT", str(tmp_path / "nobody"))
    return shutil.copytree(job.run, tmp_path / job.run.name)


def test_without_a_key_the_files_are_rebuilt_once_and_the_second_time_they_are_whole(copy: Path) -> None:
    said = invoke("sync", copy, "--json")
    found = json.loads(said.out)
    assert said.code == 0
    assert found["rebuilt"] is True and found["sent"] == 0 and found["experiment"] is None
    mirror = found["mirror"]
    assert mirror["scalars_found"] == mirror["scalars_expected"] > 60
    assert mirror["texts_found"] == mirror["texts_expected"] > 0
    assert "rebuilt from the events" in said.err and "nothing was sent" in said.err
    assert said.err.rstrip().endswith(f"next: loralab show {copy}")
    again = invoke("sync", copy, "--lang", "zh")
    assert again.code == 0 and "SwanLab 文件完整" in again.err


def test_online_without_a_key_a_missing_run_and_a_run_in_use_are_exit_2(copy: Path) -> None:
    said = invoke("sync", copy, "--mode", "online")
    assert said.code == 2 and "there is no key for SwanLab" in said.err and "SWANLAB_API_KEY" in said.err
    assert invoke("sync", copy / "nowhere").code == 2
    lock = RunLock(copy / "LOCK")
    said = invoke("sync", copy)
    lock.release()
    assert said.code == 2 and "another process writes this run" in said.err


def test_a_swanlab_that_fails_is_exit_1_and_the_log_is_named(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loralab.track.swanlab.CHILD_MODULE", "loralab.no_such_module")
    said = invoke("sync", copy, "--mode", "offline")
    assert said.code == 1 and "not brought up to date: SwanLab's process ended" in said.err
    assert f"log: {copy / 'track' / 'swanlab' / 'child.log'}" in said.err
