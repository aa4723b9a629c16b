"""A session: the lock while it is open, and the run's end in its record however it ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from loralab.errors import Interrupted, Problem, ResourceError, RunFailed, UsageError
from loralab.run.events import Event, EventWriter
from loralab.run.folder import RunFolder
from loralab.run.view import Run
from loralab.train.session import Session
from loralab.words import say


class Listener:
    """A sink that keeps what it is given."""

    name = "listener"

    def __init__(self) -> None:
        self.kinds: list[str] = []
        self.status = ""

    def open(self, run: RunFolder) -> None:
        pass

    def handle(self, event: Event) -> None:
        self.kinds.append(event["kind"])

    def close(self, status: str) -> None:
        self.status = status


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    path = tmp_path / "0001-run"
    path.mkdir()
    return RunFolder(path)


@pytest.mark.parametrize(
    ("error", "status", "kind", "fields"),
    [
        (Interrupted(15), "interrupted", "run_interrupted", {"signal": 15, "step": 7}),
        (KeyboardInterrupt(), "interrupted", "run_interrupted", {"signal": 2, "step": 7}),
        (RunFailed(Problem(say("diverged"))), "failed", "run_failed", {"error": "RunFailed: diverged", "where": "step 7"}),
    ],
)  # fmt: skip
def test_how_a_run_ended_is_recorded_and_told(
    folder: RunFolder, error: BaseException, status: str, kind: str, fields: dict[str, object]
) -> None:
    listener = Listener()
    with pytest.raises(type(error)), Session(folder, [listener]) as session:
        session.emit("run_started")
        session.step = 7
        raise error
    run = Run(folder)
    assert run.status == listener.status == status
    assert listener.kinds == ["run_started", kind]
    assert {k: run.last(kind)[k] for k in fields} == fields
    assert "Traceback" in folder.log.read_text("utf-8") and not folder.lock.exists()


def test_a_bug_is_recorded_with_its_place(folder: RunFolder) -> None:
    with pytest.raises(ZeroDivisionError), Session(folder):
        _ = 1 / 0
    event = Run(folder).last("run_failed")
    assert event["error"] == "ZeroDivisionError: division by zero"
    assert event["where"].rpartition(":")[0] == __file__


def test_a_second_session_is_refused_while_one_is_open(folder: RunFolder) -> None:
    with Session(folder):
        with pytest.raises(UsageError, match="another process writes this run"):
            Session(folder)
        assert folder.lock.exists()
    with Session(folder) as session:
        assert not session.lock.stale


def test_a_full_disk_still_closes_the_sinks_and_frees_the_lock(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end could not be recorded; the sinks were then left running."""
    listener = Listener()

    def disk_full(self: EventWriter, line: bytes) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(ResourceError, match="No space left"), Session(folder, [listener]) as session:
        monkeypatch.setattr(EventWriter, "_write", disk_full)
        session.emit("step", step=1)
    assert listener.status == "failed" and not folder.lock.exists()


def test_what_ended_a_run_is_told_though_the_record_cannot_take_its_end(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error of the last write hid that of the first, which names what could not be written."""
    with pytest.raises(ResourceError, match="the checkpoint"), Session(folder):
        monkeypatch.setattr(EventWriter, "_write", _no_space)
        raise ResourceError(Problem(say("the checkpoint")))


def _no_space(self: EventWriter, line: bytes) -> None:
    raise OSError(28, "No space left on device")


def test_a_log_that_cannot_be_written_does_not_end_the_run(folder: RunFolder) -> None:
    folder.log.mkdir()
    with Session(folder) as session:
        session.warn("odd", say("a warning"))
    assert Run(folder).last("warning")["message"] == "a warning"


def test_a_record_that_cannot_be_opened_leaves_no_lock(folder: RunFolder) -> None:
    folder.events.mkdir()
    with pytest.raises(ResourceError):
        Session(folder)
    assert not folder.lock.exists()
