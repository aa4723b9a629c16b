"""A run that a lost machine has left locked is freed, once the loss is known and nothing is written any more."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path

import pytest

from doubles.studies import BASE, FAKE_COMMAND, WriteStudy, commands
from loralab.errors import Interrupted
from loralab.run.folder import RunFolder
from loralab.run.lock import RunLock, holder_is_alive
from loralab.run.view import Run
from loralab.study import lost, train_cell
from loralab.study.begin import begin
from loralab.study.lost import Stillness, free_if_gone, never_gone
from loralab.study.next_cells import Cells
from loralab.study.plan import load_study
from loralab.study.worker import work
from loralab.train.stop import StopRequest


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lost, "STILL_SECONDS", 0.2)
    monkeypatch.setattr(lost, "LOOK_SECONDS", 0.01)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run that the machine `elsewhere` has left."""
    folder = RunFolder(tmp_path / "0001-run")
    folder.path.mkdir()
    folder.events.write_text('{"seq": 0, "kind": "run_started"}\n')
    held_by(folder, "elsewhere")
    return Run(folder)


def held_by(folder: RunFolder, host: str) -> None:
    folder.lock.write_text(json.dumps({"pid": 1, "host": host, "started": "1"}))


def free(run: Run, is_gone: lost.IsGone, stop: StopRequest | None = None) -> str:
    """What is said in the log of the cell."""
    log = run.folder.path.with_name("log.txt")
    free_if_gone(run, log, is_gone, stop or StopRequest(), "en")
    return log.read_text("utf-8") if log.exists() else ""


def test_the_lock_of_a_lost_machine_is_given_free_and_both_records_say_so(run: Run) -> None:
    assert "the machine elsewhere is gone" in free(run, lambda host: host == "elsewhere")
    assert not holder_is_alive(run.folder.lock)
    lock = RunLock(run.folder.lock)
    assert lock.stale, "the run's own record tells of it when it goes on"


@pytest.mark.parametrize("host", ["elsewhere", socket.gethostname()])
def test_a_machine_that_is_not_known_to_be_gone_keeps_its_lock(run: Run, host: str) -> None:
    """Of this machine's own processes the system tells, whatever a cluster says."""
    held_by(run.folder, host)
    before = run.folder.lock.read_text()
    assert free(run, never_gone if host == "elsewhere" else lambda host: True) == ""
    assert run.folder.lock.read_text() == before


def test_a_record_that_grows_is_waited_for(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster may have lost sight of a machine that is still at work."""
    monkeypatch.setattr(lost, "STILL_SECONDS", 0.4)
    freed = threading.Thread(target=free, args=(run, lambda host: True))
    freed.start()
    for _ in range(8):
        freed.join(0.1)
        with run.folder.events.open("a") as stream:
            stream.write("{}\n")
        assert holder_is_alive(run.folder.lock)
    freed.join(60)
    assert not holder_is_alive(run.folder.lock)


def test_a_machine_that_comes_back_keeps_its_lock(run: Run) -> None:
    said = iter([True, False])
    assert free(run, lambda host: next(said)) == "" and holder_is_alive(run.folder.lock)


def test_a_stop_ends_the_wait(run: Run) -> None:
    with pytest.raises(Interrupted):
        free(run, lambda host: True, StopRequest(15))
    assert holder_is_alive(run.folder.lock)


def test_seconds_are_counted_from_when_a_file_was_first_seen_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is not there counts as one that does not change."""
    clock, still, path = [100.0], Stillness(), tmp_path / "events.jsonl"
    monkeypatch.setattr(lost.time, "monotonic", lambda: clock[0])
    found = []
    for written, now in (("", 100), ("", 107), ("a", 110), ("", 130), ("ab", 131)):
        clock[0] = now
        if written:
            path.write_text(written)
        found.append(still.seconds(path))
    assert found == [0, 7, 0, 20, 0]


def test_a_worker_goes_on_with_the_cell_of_a_machine_that_its_engine_has_lost(
    write_study: WriteStudy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_cell, "COMMAND", FAKE_COMMAND)
    plan = load_study(write_study("axes: {lora.rank: [4]}\n", BASE))
    folder = begin(plan)
    (cell,) = Cells(plan, folder)()
    assert work(str(folder.path), cell.id, "en") == 0
    run = folder.of(cell).run
    assert run
    run.folder.events.write_text('{"seq": 0, "kind": "run_started"}\n')
    held_by(run.folder, "elsewhere")
    assert folder.standing(cell).state == "running"
    assert work(str(folder.path), cell.id, "en", lambda host: True) == 0
    assert folder.standing(cell).state == "finished" and commands(folder.path) == {
        "rank-4": ["train", "resume"]
    }
    assert "the machine elsewhere is gone" in folder.of(cell).log.read_text("utf-8")
