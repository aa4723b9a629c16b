"""A tracker's process and the run's side of it, with a tracker that misbehaves on demand."""

import os
import signal
import time
from pathlib import Path

import pytest
from trial import wait_for

from loralab.run import EventWriter
from loralab.track.fanout import SinkFailed
from loralab.track.process import GROUP_SIGNALS, Child, group_signals_blocked, python_path

KEY = "s3cr3t"


@pytest.fixture
def start(tmp_path):
    """start(**what the tracker does): a child that has been opened, and a writer of events for it."""
    made = []

    def make(heard=lambda reply: None, **names):
        environment = dict(os.environ) | python_path(Path.cwd()) | {"FAKE_KEY": KEY}
        child = Child("Fake", "fake_child", tmp_path / "track", environment, heard)
        writer = EventWriter(tmp_path / "events.jsonl")
        made.append((child, writer))
        child.send({"open": {"events": str(writer.path), **names}})
        return child, writer

    yield make
    for child, writer in made:
        child.kill()
        writer.close()


def step(writer, number):
    return {"event": writer.append("step", step=number, loss=1.0)}


def test_it_is_ready_at_the_first_event_and_tells_at_the_end_what_it_holds(start, tmp_path):
    child, writer = start(write="print")
    child.send(step(writer, 1))
    assert child.expect("ready", 20)["id"] == "x"
    child.send(step(writer, 2))
    child.send({"close": "finished"})
    assert child.expect("finished", 20)["marks"] == 2
    child.end_quietly()
    assert child.process.returncode == 0
    log = (tmp_path / "track" / "child.log").read_text("utf-8")
    assert "the key is ***" in log and KEY not in log and "a reply of its own" in log


def test_what_a_tracker_raises_comes_back_as_one_line_without_the_key(start):
    child, writer = start(begin="raise")
    child.send(step(writer, 1))
    with pytest.raises(SinkFailed) as caught:
        child.expect("ready", 20)
    assert str(caught.value) == "Fake: no room for *** (more in track/fake/child.log)"
    assert child.process.poll() == 1
    with pytest.raises(SinkFailed, match="ended with code 1"):
        child.send(step(writer, 2))


def test_a_process_that_dies_is_said_with_its_code(start):
    child, writer = start(write="die")
    child.send(step(writer, 1))
    with pytest.raises(SinkFailed, match="Fake's process ended with code 7"):
        child.expect("ready", 20)


def test_one_that_hangs_at_the_end_has_said_what_it_holds_and_can_be_ended(start):
    child, writer = start(end="hang")
    child.send(step(writer, 1))
    child.expect("ready", 20)
    child.send({"close": "finished", "late_seconds": 0.1})
    with pytest.raises(TimeoutError):
        child.expect("finished", 1.0)
    began = time.monotonic()
    child.end()
    assert child.told["marks"] == 1
    assert child.process.poll() is not None and time.monotonic() - began < 5


def test_a_replay_is_ready_at_once_and_its_progress_is_heard(start, tmp_path):
    writer = EventWriter(tmp_path / "events.jsonl")
    for number in (1, 2, 3):
        writer.append("step", step=number, loss=1.0)
    writer.close()
    heard = []
    child, _ = start(heard.append, replay=True, seconds=1.2)
    child.expect("ready", 20)
    child.send({"close": "failed"})
    assert child.expect("finished", 20)["marks"] == 3
    assert [reply["done"] for reply in heard] == [3] * len(heard) and heard


def test_the_end_of_input_closes(start):
    child, writer = start()
    child.send(step(writer, 1))
    child.expect("ready", 20)
    child.process.stdin.close()
    assert child.expect("finished", 20)["marks"] == 1
    wait_for(lambda: child.process.poll() == 0)


def test_it_is_in_the_group_of_the_run_but_signals_for_all_of_it_are_left_to_the_run(start):
    """From its first moment on: at once after its start, no line of Python has run there."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    child, writer = start()
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before
    assert os.getpgid(child.process.pid) == os.getpgid(0), "SIGKILL for all would leave it behind"
    for number in (1, 2):
        for name in GROUP_SIGNALS:
            child.process.send_signal(getattr(signal, name))
        child.send(step(writer, number))
        if number == 1:
            child.expect("ready", 60)
    child.send({"close": "finished"})
    assert child.expect("finished", 60)["marks"] == 2
    assert child.process.wait(60) == 0


def test_to_end_it_is_to_close_its_input_and_it_has_time_to_finish(start, monkeypatch):
    monkeypatch.setattr("loralab.track.process.END_SECONDS", 60.0)
    child, writer = start()
    child.send(step(writer, 1))
    child.expect("ready", 60)
    child.end()
    assert child.process.returncode == 0
    assert child.expect("finished", 60)["marks"] == 1


def test_a_signal_that_comes_while_a_process_starts_reaches_the_run():
    come = []
    old = signal.signal(signal.SIGTERM, lambda *_: come.append("SIGTERM"))
    try:
        with group_signals_blocked():
            os.kill(os.getpid(), signal.SIGTERM)
        wait_for(lambda: come == ["SIGTERM"])
    finally:
        signal.signal(signal.SIGTERM, old)


def test_where_no_signal_can_be_blocked_a_process_starts_all_the_same(monkeypatch):
    monkeypatch.delattr(signal, "pthread_sigmask")  # as on Windows
    with group_signals_blocked():
        pass
