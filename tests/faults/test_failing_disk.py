"""A real disk that fails under a run: under its mirror, which is said, and under itself, whose synced events stay."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from random import Random

import pytest

from doubles.warm_child import warm_children
from faults.failing_disk import as_seen_by, cut_power, make_disk, put_in, why_not
from faults.forked import Forked
from faults.power import Found, play, synced_lines
from faults.rounds import Course
from faults.small_job import SmallJob
from faults.swanlab import look
from faults.swanlab_rows import rows
from faults.test_kills import EXTENT
from loralab.run.view import open_run


@pytest.fixture(scope="module", autouse=True)
def _disks(tmp_path_factory: pytest.TempPathFactory) -> None:
    if reason := why_not(tmp_path_factory.mktemp("disk")):
        pytest.skip(reason)


def test_a_mirror_whose_disk_fails_is_said_and_the_run_ends_well(
    small_job: SmallJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """EIO at every access to the mirror's folder, also where the end of the run looks at what mirrors hold."""
    monkeypatch.setenv("SWANLAB_ROOT", str(tmp_path / "login"))
    warm_children(monkeypatch)
    (row,) = [row for row in rows() if row.fault == "input/output errors from the mirror's disk"]
    result = look(row, small_job.config, tmp_path / "row")
    assert result.wrong == [], result
    assert not result.mirror.whole and result.said


def test_a_run_whose_disk_fails_ends_with_4_and_says_what_to_do(small_job: SmallJob, tmp_path: Path) -> None:
    """The last sync of the events failed as well: that passed for a bug."""
    disk = tmp_path / "disk"
    disk.mkdir()
    image = make_disk(tmp_path / "disk.img")
    process = Forked(
        ("train", small_job.config, f"run.dir={disk}"),
        tmp_path / "said.txt",
        before=lambda: put_in(image, disk),
    )
    run = as_seen_by(process.pid, disk) / "0001-job"
    process.wait_until((run / "checkpoints" / "step-000002").is_dir)
    cut_power(as_seen_by(process.pid, disk))
    said = process.said()
    assert said.code == 4, said.err
    assert "Input/output error" in said.err and "bug" not in said.err and "Traceback" not in said.err


def test_what_had_been_synced_is_there_when_the_power_comes_back(small_job: SmallJob, tmp_path: Path) -> None:
    course = Course(
        small_job.config, tmp_path, open_run(small_job.run), dataclasses.replace(EXTENT, files=90)
    )
    found = play(course, tmp_path / "round", Random("b"))
    assert found.cuts > 0, "a round without a cut shows nothing; take another seed"
    assert found == Found(cuts=found.cuts, gone=found.gone), (tmp_path / "round" / "said.txt").read_text(
        "utf-8"
    )


def test_an_event_is_known_to_be_synced_once_there_is_one_behind_it() -> None:
    step, note = b'{"seq": 1, "kind": "step"}\n', b'{"seq": 2, "kind": "note"}\n'
    assert synced_lines(step + note) == b""
    assert synced_lines(step + note + step + step[:9]) == step + note
    assert synced_lines(step + step) == b""
