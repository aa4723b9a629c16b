import signal
import threading
import time

import pytest
from fake_sinks import Blocking, Failures, Raising, Recorder, step

from loralab.run import RunFolder
from loralab.track import Fanout, SinkFailed
from loralab.track.fanout import LAST_SECONDS, close_seconds, tracker_seconds


@pytest.fixture
def run(tmp_path):
    return RunFolder(tmp_path)


@pytest.fixture(autouse=True)
def little_patience(monkeypatch):
    monkeypatch.setattr("loralab.track.fanout.LAST_SECONDS", 0.05)


def join_all():
    for thread in threading.enumerate():
        if thread.name.startswith("sink-"):
            thread.join(5)


def test_every_sink_gets_every_event_in_order_on_a_thread_of_its_own(run):
    sinks, failures = [Recorder("one"), Recorder("two")], Failures()
    fanout = Fanout(sinks, run, failures)
    for number in range(1, 501):
        fanout.publish(step(number))
    fanout.close("finished")
    for sink in sinks:
        assert sink.calls == ["open", *range(1, 501), "finished"]
        assert len(sink.threads) == 1
    assert not sinks[0].threads & (sinks[1].threads | {threading.current_thread()})
    assert failures == []


def test_a_sink_that_raises_is_reported_once_and_gets_nothing_further(run):
    sink, other, failures = Raising(3, ValueError("no\nroom")), Recorder(), Failures()
    fanout = Fanout([sink, other], run, failures)
    for number in range(1, 4):
        fanout.publish(step(number))
    join_thread("sink-raising")
    assert failures == [("raising", "ValueError: no room", 1)]
    fanout.publish(step(4))
    fanout.close("finished")
    assert sink.calls == ["open", 1, 2]
    assert other.calls == ["open", 1, 2, 3, 4, "finished"]
    assert len(failures) == 1


def join_thread(name):
    for thread in threading.enumerate():
        if thread.name == name:
            thread.join(5)
            assert not thread.is_alive()


def test_all_that_was_published_is_lost_when_open_raises(run):
    gate = threading.Event()

    class Late(Raising):
        def open(self, folder):
            gate.wait()
            super().open(folder)

    failures = Failures()
    fanout = Fanout([Late("open", SinkFailed("no key"))], run, failures)
    for number in range(1, 8):
        fanout.publish(step(number))
    gate.set()
    fanout.close("finished")
    assert failures == [("raising", "no key", 7)]


def test_a_sink_that_raises_at_the_end_has_lost_nothing(run):
    failures = Failures()
    fanout = Fanout([Raising("failed", OSError("disk full"))], run, failures)
    fanout.publish(step(1))
    fanout.close("failed")
    assert failures == [("raising", "OSError: disk full", 0)]


def test_a_system_exit_inside_a_sink_is_a_failure_like_any_other(run):
    failures = Failures()
    fanout = Fanout([Raising(1, SystemExit())], run, failures)
    fanout.publish(step(1))
    fanout.close("finished")
    assert failures == [("raising", "SystemExit", 1)]


def test_publishing_never_waits_for_a_blocked_sink_and_a_full_queue_ends_it(run):
    sink, other, failures = Blocking(), Recorder(), Failures()
    fanout = Fanout([sink, other], run, failures, queue_events=10)
    fanout.publish(step(1))
    assert sink.entered.wait(5)
    for number in range(2, 11):
        other.handled.clear()
        fanout.publish(step(number))
        assert other.handled.wait(5)  # the other sink, with the same bound, must not fall behind here
    assert failures == []
    fanout.publish(step(11))
    assert failures == [("blocking", "fell more than 10 events behind", 11)]
    fanout.publish(step(12))
    sink.let_go.set()
    fanout.close("finished")
    assert len(failures) == 1
    assert sink.calls == ["open", 1]
    assert other.calls == ["open", *range(1, 13), "finished"]


def test_sinks_that_do_not_finish_share_one_limit_of_time_and_are_abandoned(run):
    sinks, failures = [Blocking(), Blocking(), Recorder()], Failures()
    fanout = Fanout(sinks, run, failures)
    for number in (1, 2, 3):
        fanout.publish(step(number))
    start = time.monotonic()
    fanout.close("interrupted", timeout_seconds=0.2)
    assert time.monotonic() - start < 2
    assert failures == [("blocking", "did not finish within 0.2 s", 3)] * 2
    assert [sink.abandoned for sink in sinks[:2]] == [1, 1]
    assert sinks[2].calls == ["open", 1, 2, 3, "interrupted"]
    join_all()
    assert sinks[0].calls == ["open", 1], "an abandoned sink gets neither events nor close"


def test_sinks_of_a_run_that_was_stopped_have_less_time_than_docker_waits():
    """SIGTERM, and SIGKILL ten seconds later: closing took up to 15 s."""
    assert close_seconds("finished") + LAST_SECONDS == close_seconds("failed") + LAST_SECONDS == 15
    assert close_seconds("interrupted") + LAST_SECONDS <= 7
    for status in ("finished", "failed", "interrupted"):
        assert 0 < tracker_seconds(status, 12.0) < close_seconds(status)
    assert tracker_seconds("interrupted", 1.0) == 1.0


def test_without_a_limit_of_its_own_closing_takes_what_the_status_allows(run, monkeypatch):
    monkeypatch.setattr("loralab.track.fanout.STOPPED_SECONDS", 0.1)
    sink, failures = Blocking(), Failures()
    fanout = Fanout([sink], run, failures)
    fanout.publish(step(1))
    fanout.close("interrupted")
    assert failures == [("blocking", "did not finish within 0.1 s", 1)]


def test_a_report_that_cannot_be_written_does_not_reach_the_run(run):
    def disk_full(*_):
        raise OSError("disk full")

    fanout = Fanout([Blocking()], run, disk_full, queue_events=1)
    fanout.publish(step(1))
    fanout.publish(step(2))
    fanout.close("finished", timeout_seconds=0.05)


def test_a_report_may_be_published_again(run):
    failures, other = [], Recorder()

    def report(sink, error, lost):
        failures.append((sink, lost))
        fanout.publish(step(99))

    fanout = Fanout([Blocking(), other], run, report, queue_events=4)
    for number in range(1, 6):
        other.handled.clear()
        fanout.publish(step(number))
        assert other.handled.wait(5)
    fanout.close("finished", timeout_seconds=0.1)
    assert failures == [("blocking", 5)]
    assert sorted(other.calls[1:-1]) == [1, 2, 3, 4, 5, 99]


def test_ctrl_c_while_sinks_are_closing_reaches_the_run(run):
    sink = Blocking()
    fanout = Fanout([sink], run, Failures())
    fanout.publish(step(1))
    assert sink.entered.wait(5)
    main = threading.main_thread().ident
    timer = threading.Timer(0.1, signal.pthread_kill, (main, signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        fanout.close("interrupted", timeout_seconds=10)
    sink.let_go.set()
    timer.join()
    join_all()


def test_closing_twice_and_publishing_after_the_end_do_nothing(run):
    sink, failures = Recorder(), Failures()
    fanout = Fanout([sink], run, failures)
    fanout.close("finished")
    fanout.publish(step(1))
    fanout.close("failed")
    assert sink.calls == ["open", "finished"]
    assert failures == []


def test_the_first_sink_still_hears_how_the_others_ended(run):
    """A tracker that failed while closing was shown nowhere: the terminal had been ended with it."""
    terminal = Recorder("terminal")
    fanout = Fanout(
        [terminal, Raising("finished", OSError("no room"))], run, lambda *_: fanout.publish(step(9))
    )
    fanout.publish(step(1))
    fanout.close("finished")
    assert terminal.calls == ["open", 1, 9, "finished"]
