"""A disk that is full, a limit on the size of files, a folder that is read only: exit 4, and nothing lost."""

from __future__ import annotations

import resource
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from doubles.command import Said
from doubles.same_run import differences
from faults.forked import Forked
from faults.mounts import can_mount, read_only, small_disk
from faults.small_job import SmallJob
from loralab.run.view import Run, open_run
from loralab.train.checkpoint import Checkpoint, find_checkpoints

needs_mounts = pytest.mark.skipif(not can_mount(), reason="this process may not have mounts of its own")


def assert_stopped_well(run: Run, said: Said, words: str) -> None:
    """How a run must end that cannot be written any more."""
    assert said.code == 4, said.err
    assert words in said.err and "bug" not in said.err and "Traceback" not in said.err
    assert run.status == "failed" and words in run.last("run_failed")["error"]
    assert [e["seq"] for e in run.record.events] == list(range(len(run.record.events)))
    assert run.record.torn_bytes == 0 and not run.folder.lock.exists()
    assert all(isinstance(found, Checkpoint) for found in find_checkpoints(run.folder))


def carried_on(run: Path, folder: Path) -> Run:
    said = Forked(("resume", run), folder / "resumed.txt").said()
    assert said.code == 0, said.err
    return open_run(run)


@needs_mounts
@pytest.mark.parametrize("share", [0.35, 0.8])
def test_a_disk_that_fills_up_ends_a_run_whole(small_job: SmallJob, tmp_path: Path, share: float) -> None:
    """The tensors of a checkpoint: the error of safetensors passed for a bug. Half a checkpoint kept the space."""
    disk, saved = tmp_path / "disk", tmp_path / "saved"
    disk.mkdir()
    size = int(share * sum(p.stat().st_size for p in small_job.run.rglob("*") if p.is_file()))
    process = Forked(
        ("train", small_job.config, f"run.dir={disk}"), tmp_path / "said.txt",
        before=lambda: small_disk(disk, size), after=lambda: _copy(disk / "0001-job", saved / "0001-job"),
    )  # fmt: skip
    said, run = process.said(), open_run(saved / "0001-job")
    assert f"next: free some space, then: loralab resume {disk / '0001-job'}" in said.err
    assert_stopped_well(run, said, "No space left on device")
    assert differences(carried_on(run.folder.path, tmp_path), open_run(small_job.run)) == []


def _copy(source: Path, target: Path) -> None:
    shutil.copytree(source, target)


def test_a_file_that_may_not_grow_ends_a_run_whole(small_job: SmallJob, tmp_path: Path) -> None:
    """As under `ulimit -f`; the optimizer's file is the largest that a run writes."""
    limit = max(p.stat().st_size for p in small_job.run.rglob("*.safetensors")) // 2
    process = Forked(
        ("train", small_job.config, f"run.dir={tmp_path / 'runs'}", "evaluate.stages=[]"), tmp_path / "said.txt",
        before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )  # fmt: skip
    said, run = process.said(), open_run(tmp_path / "runs" / "0001-job")
    assert_stopped_well(run, said, "File too large")
    assert f"next: free some space, then: loralab resume {run.folder.path}" in said.err
    assert list(find_checkpoints(run.folder)) == []
    assert [p.name for p in run.folder.checkpoints.iterdir()] == [], "half a checkpoint stays"


@needs_mounts
@pytest.mark.parametrize(
    ("words", "code", "said_words"),
    [
        (("resume", "train.epochs=3"), 4, "this run folder cannot be written"),
        (("resume",), 0, "is finished: nothing to do"),
        (("show",), 0, "Held-out loss"),
    ],
)
def test_a_run_that_may_only_be_read(
    small_job: SmallJob, tmp_path: Path, words: tuple[str, ...], code: int, said_words: str
) -> None:
    run = shutil.copytree(small_job.run, tmp_path / small_job.run.name)
    process = Forked(
        (words[0], run, *words[1:]),
        tmp_path / "said.txt",
        before=lambda: read_only(tmp_path / small_job.run.name),
    )
    said = process.said()
    assert said.code == code and said_words in said.err + said.out, said
    assert code == 0 or "loralab resume COPY" in said.err


@needs_mounts
def test_runs_that_cannot_be_made_name_another_place(small_job: SmallJob, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    process = Forked(
        ("train", small_job.config, f"run.dir={tmp_path / 'runs'}"), tmp_path / "said.txt",
        before=lambda: read_only(tmp_path / "runs"),
    )  # fmt: skip
    said = process.said()
    assert said.code == 4 and "Read-only file system" in said.err and "run.dir=FOLDER" in said.err


Act = Callable[[Path], object]


@pytest.mark.parametrize(
    "act", [lambda run: run.rename(run.with_name("moved")), shutil.rmtree], ids=["moved", "deleted"]
)
def test_a_folder_that_goes_away_ends_the_run_and_is_not_made_again(
    small_job: SmallJob, tmp_path: Path, act: Act
) -> None:
    """Checkpoints went on to a new folder at the old place, events to the old one at its new place."""
    run = tmp_path / "runs" / "0001-job"
    process = Forked(("train", small_job.config, f"run.dir={run.parent}"), tmp_path / "said.txt")
    process.wait_until((run / "checkpoints" / "step-000002").is_dir)
    process.send(signal.SIGSTOP)  # or it puts a file into a folder that is being emptied
    act(run)
    process.send(signal.SIGCONT)
    said = process.said()
    assert said.code == 4 and "moved or deleted while the run was going on" in said.err, said
    assert not run.exists()
    if (moved := run.with_name("moved")).exists():
        assert open_run(moved).status == "failed"
        assert differences(carried_on(moved, tmp_path), open_run(small_job.run)) == []
