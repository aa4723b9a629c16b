"""Looks at a run until it is over: nothing is missed at its end, and nobody is called gone who only starts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from loralab.run import looks as module
from loralab.run.events import EventWriter
from loralab.run.folder import RunFolder
from loralab.run.lock import RunLock
from loralab.run.looks import Look, looks


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path)


@pytest.fixture(autouse=True)
def _without_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REST", 0.0)


def write(folder: RunFolder, *kinds: str) -> None:
    writer = EventWriter(folder.events)
    for kind in kinds:
        writer.append(kind, step=1, from_step=0)
    writer.close()


def kinds(look: Look) -> list[str]:
    return [event["kind"] for event in look.new]


def over(found: Iterator[Look]) -> bool:
    return next(found, None) is None


@pytest.mark.parametrize("ending", ["finished", "failed", "interrupted"])
def test_a_run_that_has_ended_takes_one_look(folder: RunFolder, ending: str) -> None:
    write(folder, "run_started", "step", f"run_{ending}")
    look, *more = looks(folder, 0.0)
    assert not more and look.status == ending and kinds(look) == ["run_started", "step", f"run_{ending}"]
    assert look.record.events == tuple(look.new)


def test_a_run_is_followed_to_what_its_process_said_last(folder: RunFolder) -> None:
    """Mirrors are closed after run_finished and may fail then."""
    lock = RunLock(folder.lock)
    write(folder, "run_started")
    found = looks(folder, 0.0)
    assert next(found).status == "running"
    write(folder, "step", "run_finished")
    assert kinds(ended := next(found)) == ["step", "run_finished"] and ended.status == "finished"
    assert kinds(next(found)) == []
    write(folder, "sink_failed")
    lock.release()
    last = next(found)
    assert kinds(last) == ["sink_failed"] and last.status == "finished" and over(found)
    assert [e["kind"] for e in last.record.events] == ["run_started", "step", "run_finished", "sink_failed"]


def test_a_run_that_is_resumed_while_it_is_looked_at_goes_on(folder: RunFolder) -> None:
    write(folder, "run_started", "run_interrupted")
    lock = RunLock(folder.lock)
    found = looks(folder, 0.0)
    assert next(found).status == "interrupted"
    write(folder, "run_resumed")
    assert next(found).status == "running"
    write(folder, "run_finished")
    lock.release()
    assert next(found).status == "finished" and over(found)


def test_a_folder_in_which_nothing_is_written_yet_is_waited_for(folder: RunFolder) -> None:
    found = looks(folder, 0.0)
    assert [next(found).status for _ in range(3)] == ["waiting"] * 3
    lock = RunLock(folder.lock)
    assert next(found).status == "waiting"
    write(folder, "run_started")
    assert next(found).status == "running"
    lock.release()
    assert next(found).status == "running", "one look is no proof: it may have been between lock and events"
    assert next(found).status == "stale" and over(found)


@pytest.mark.parametrize("started", [False, True])
def test_a_process_that_is_gone_without_a_word_ends_the_looks(folder: RunFolder, started: bool) -> None:
    folder.lock.write_text('{"half', "utf-8")
    if started:
        write(folder, "run_started", "step")
    assert [look.status for look in looks(folder, 0.0)] == ["running" if started else "waiting", "stale"]


def test_a_process_on_another_host_is_alive_until_its_run_has_ended_for_long(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.lock.write_text(json.dumps({"pid": 1, "host": "elsewhere", "started": "1"}), "utf-8")
    write(folder, "run_started")
    found = looks(folder, 0.0)
    assert [next(found).status for _ in range(4)] == ["running"] * 4
    write(folder, "run_finished")
    assert [next(found).status for _ in range(4)] == ["finished"] * 4, "its mirrors may still be closed"
    monkeypatch.setattr(module, "CLOSING_SECONDS", 0.0)
    assert over(found)


def test_a_record_that_was_replaced_is_taken_from_its_start(folder: RunFolder) -> None:
    RunLock(folder.lock)
    write(folder, "run_started", "step", "step")
    found = looks(folder, 0.0)
    assert not next(found).began_again
    folder.events.unlink()
    write(folder, "run_started", "run_finished")
    look = next(found)
    assert look.began_again and kinds(look) == ["run_started", "run_finished"]
    assert look.record.events == tuple(look.new)
    assert not next(found).began_again


def test_what_cannot_be_read_is_counted(folder: RunFolder) -> None:
    write(folder, "run_started", "run_failed")
    with folder.events.open("ab") as stream:
        stream.write(b"{broken\n" + b'{"torn')
    (look,) = looks(folder, 0.0)
    assert (look.record.damaged_lines, look.record.torn_bytes) == (1, 6)


@pytest.mark.parametrize(("rest", "pause"), [(0.0, 0.5), (1e12, module.LONGEST_REST_SECONDS)])
def test_the_pause_grows_with_the_work_that_a_look_is(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch, rest: float, pause: float
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(module, "REST", rest)
    monkeypatch.setattr(module.time, "sleep", pauses.append)
    found = looks(folder, 0.5)
    for _ in range(3):
        next(found)
    assert pauses == [pause, pause]
