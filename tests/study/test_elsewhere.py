"""Cells handed to an engine: it may run them in any order, lose them, or be told to stop; their folders say what came of them."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from doubles.studies import FAKE_COMMAND, WriteStudy, commands
from loralab.errors import Interrupted, UsageError
from loralab.study import elsewhere
from loralab.study.begin import begin
from loralab.study.cells import Cell
from loralab.study.elsewhere import Engine, run_elsewhere
from loralab.study.folder import StudyFolder
from loralab.study.next_cells import Cells
from loralab.study.plan import load_study
from loralab.study.schema import Cluster
from loralab.study.slurm import SlurmEngine, _parameters
from loralab.study.worker import work
from loralab.train.stop import StopRequest
from loralab.words import Words

RANKS = "axes: {lora.rank: [2, 4]}\n"


class Backwards:
    """Trains what it was given once it is asked, the last cell first; loses those whose label it is told."""

    def __init__(self, lost: str = "") -> None:
        self.lost, self.waiting = lost, list[tuple[Path, Cell, str]]()
        self.cancelled = 0

    def submit(self, study: Path, cell: Cell, language: str) -> None:
        self.waiting.append((study, cell, language))

    def over(self) -> Mapping[str, str]:
        if not self.waiting:
            return {}
        study, cell, language = self.waiting.pop()
        if cell.label == self.lost:
            return {cell.id: "NODE_FAIL"}
        return {cell.id: str(work(str(study), cell.id, language))}

    def obstacle(self) -> Words | None:
        return None

    def cancel(self) -> None:
        self.cancelled += 1

    def close(self) -> None: ...


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elsewhere, "LOOK_SECONDS", 0.05)


def run(path: Path, engine: Engine, stop: StopRequest | None = None) -> tuple[dict[str, str], str]:
    """States of the cells by label, and what was said."""
    plan = load_study(path)
    said: list[Words] = []
    standings = run_elsewhere(begin(plan), Cells(plan, StudyFolder(plan.folder)), engine, stop or StopRequest(), said.append, "en")  # fmt: skip
    return {s.cell.label: s.state for s in standings}, "\n".join(map(str, said))


@pytest.mark.usefixtures("fake_cells")
def test_every_cell_is_submitted_once_and_a_lost_one_is_left_for_the_next_time(
    write_study: WriteStudy,
) -> None:
    study = write_study("axes: {lora.rank: [2, 99, 4, 8]}\n")
    states, said = run(study, Backwards(lost="rank=4"))
    assert states == {"rank=2": "finished", "rank=99": "failed", "rank=4": "waiting", "rank=8": "finished"}
    assert "rank=4 was broken off (NODE_FAIL)" in said and "rank=99 failed" in said
    states, said = run(study, Backwards())
    assert states["rank=4"] == "finished" and said.count("is submitted") == 1
    assert set(map(tuple, commands(study.parent / "studies" / "ranks").values())) == {("train",)}


@pytest.mark.usefixtures("fake_cells")
def test_rungs_follow_each_other(write_study: WriteStudy) -> None:
    text = "axes: {lora.rank: {low: 1, high: 8}}\nsearch: {method: halving, trials: 4, keep_one_in: 2, rungs: 2}\n"
    states, _ = run(write_study(text), Backwards())
    assert len(states) == 6 and set(states.values()) == {"finished"}


@pytest.mark.usefixtures("fake_cells")
def test_why_jobs_may_wait_is_said_once(write_study: WriteStudy) -> None:
    class Full(Backwards):
        def obstacle(self) -> Words | None:
            return Words("no machine has room")

    states, said = run(write_study(RANKS), Full())
    assert set(states.values()) == {"finished"} and said.count("no machine has room") == 1


@pytest.mark.usefixtures("fake_cells")
def test_a_cell_of_another_machine_is_waited_for_while_its_record_grows(
    write_study: WriteStudy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its LOCK alone says that it is at work; if that machine is gone, nothing would ever end the wait."""
    monkeypatch.setattr(elsewhere, "STILL_SECONDS", 0.3)
    study = write_study(RANKS)
    run(study, Backwards())
    folder = study.parent / "studies" / "ranks"
    (cell,) = folder.glob("cells/rank-4-*")
    (record,) = cell.glob("0001-*/events.jsonl")
    *lines, _ = record.read_text().splitlines(keepends=True)
    record.write_text("".join(lines))
    lock = record.with_name("LOCK")
    lock.write_text('{"pid": 1, "host": "elsewhere", "started": "1"}')
    states, said = run(study, Lockers())
    assert states["rank=4"] == "running" and commands(folder)["rank-4"] == ["train"]
    assert said.count("rank=4 is being trained by another process: waiting for it") == 1
    assert said.count("is submitted") == 1
    assert f"is written by a process on elsewhere; if that machine is gone for good, delete {lock}" in said


class Lockers(Backwards):
    """Cells whose LOCK refuses the job."""

    def over(self) -> Mapping[str, str]:
        return {self.waiting.pop()[1].id: "2"} if self.waiting else {}


def test_a_stop_cancels_the_jobs_and_names_those_that_do_not_end(
    write_study: WriteStudy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elsewhere, "CANCEL_SECONDS", 0.1)

    class Deaf(Backwards):
        def over(self) -> Mapping[str, str]:
            return {}

    engine, plan, said = Deaf(), load_study(write_study("axes: {lora.rank: [2, 4]}\n")), list[Words]()
    folder = begin(plan)
    with pytest.raises(Interrupted) as caught:
        run_elsewhere(folder, Cells(plan, folder), engine, StopRequest(15), said.append, "en")
    assert caught.value.exit_code == 143 and engine.cancelled == 1 and not folder.lock.exists()
    assert str(said[-1]) == "rank=4 has not ended yet; it is left to the engine"


def test_jobs_of_submitit_train_cells(
    write_study: WriteStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """submitit's own local processes: what Slurm would run, without its queue."""
    monkeypatch.setenv("PYTHONPATH", str(fake_trainers(tmp_path / "site")))
    study = write_study("axes: {lora.rank: [2]}\ncluster: {gpus: 0, cpus: 1}\n")
    plan = load_study(study)
    engine = SlurmEngine(plan.folder / "slurm", plan.cluster, "local")
    states, said = run(study, engine)
    assert states == {"rank=2": "finished"}, said
    assert commands(plan.folder) == {"rank-2": ["train"]}


def fake_trainers(folder: Path) -> Path:
    """A folder for PYTHONPATH that puts the stand-in into jobs, which are processes of an engine's own."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        "import sys\n"
        "if 'submitit.core._submit' in sys.orig_argv:\n"
        "    from loralab.study import train_cell\n"
        f"    train_cell.COMMAND = {FAKE_COMMAND!r}\n"
    )
    return folder


@pytest.mark.usefixtures("fake_cells")
def test_a_cell_can_be_asked_to_save_itself_though_its_engine_blocks_signals(write_study: WriteStudy) -> None:
    """Ray's workers have SIGINT blocked, and what they start would inherit that."""
    plan = load_study(write_study("axes: {lora.rank: [97]}\n"))
    folder = begin(plan)
    (cell,) = Cells(plan, folder)()
    marks = folder.of(cell).path.glob

    def ask() -> None:
        while not list(marks("*/at_work")):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    asking = threading.Thread(target=ask)
    asking.start()
    try:
        assert work(str(folder.path), cell.id, "en") == 130
        assert signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        asking.join()
    assert folder.standing(cell).state == "interrupted"


def test_what_a_job_asks_for() -> None:
    asked = _parameters(Cluster(gpus=2, cpus=8, memory_gib=64, minutes=90, partition="a100"))
    assert asked == {"name": "loralab", "timeout_min": 90, "gpus_per_node": 2, "cpus_per_task": 8, "mem_gb": 64,
                     "slurm_partition": "a100"}  # fmt: skip
    assert "gpus_per_node" not in _parameters(Cluster(gpus=0))


def test_without_a_queue_or_a_package_nothing_is_submitted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="no jobs can be submitted here"):
        SlurmEngine(tmp_path / "slurm", Cluster())
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(UsageError, match=r"loralab\[slurm\]"):
        SlurmEngine(tmp_path / "slurm", Cluster())
    monkeypatch.setitem(sys.modules, "ray", None)
    from loralab.study.ray import RayEngine

    with pytest.raises(UsageError, match=r"loralab\[ray\]"):
        RayEngine(Cluster())
