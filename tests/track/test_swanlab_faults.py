"""Servers that fail in every way, all at once; a resume into the same experiment; `sync` afterwards."""

import math
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from fake_sinks import Recorder
from trial import Trial, wait_for

from doubles.fake_cloud import cloud, texts_of
from doubles.warm_child import warm_children
from loralab.run import Run, read_events
from loralab.run.lock import RunLock
from loralab.track import Mirror, SwanLabSink
from loralab.track.fanout import SinkFailed
from loralab.track.swanlab import names_of, project_name
from loralab.track.sync import sync
from loralab.track.verify import expected, recorded

KEY = "k3y0fs0me0ne"


@pytest.fixture(autouse=True)
def warm(monkeypatch):
    warm_children(monkeypatch)


@dataclass(frozen=True)
class Row:
    """One fault: what the server does at first, what it does once metrics have come in, what is said then."""

    name: str
    at_first: str = ""
    later: str = ""
    says: str = ""
    whole: bool = True


TABLE = (
    Row("wrong key", "401", says="check if the provided API key is correct", whole=False),
    Row("refuses connections", says="did not finish within 3 s", whole=False),
    Row("dies in the middle", later="dead", says="did not finish within 1 s"),
    Row("answers 503", later="503", says="did not finish within 1 s"),
    Row("hangs in the middle", later="hang", says="did not finish within 1 s"),
    Row("refuses the points", "400", says="server refused"),
)


def run_row(row: Row, server: Any, trial: Trial) -> None:
    """Steps while all is well, the fault, more steps, the end."""
    trial.steps(2, 3)
    if row.later:
        assert server.arrived.wait(30)
        server.faults.add(row.later)
    if row.at_first == "400":
        assert server.refused.wait(30)
    trial.steps(4, 6)
    trial.emit("run_finished", reason="done", seconds=1.0)
    trial.close(seconds=3.0 if row.name == "refuses connections" else 30.0)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Trial]:
    """Every row, run at the same time: most of it is waiting."""
    trials: dict[str, Trial] = {}
    with ExitStack() as servers, pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor() as threads:
        warm_children(patch)
        patch.setenv("SWANLAB_API_KEY", KEY)
        with socket.create_server(("127.0.0.1", 0)) as listening:
            closed = f"http://127.0.0.1:{listening.getsockname()[1]}"
        ends = []
        for row in TABLE:
            server = servers.enter_context(cloud(*filter(None, [row.at_first])))
            address = closed if row.name == "refuses connections" else server.address
            patch.setenv("SWANLAB_API_HOST", address)
            # a busy machine is not a fault of the server
            patience = 1.0 if "within 1 s" in row.says else 30.0
            sink = SwanLabSink("online", "p", "t", {}, close_seconds=patience)
            trial = trials[row.name] = Trial(tmp_path_factory.mktemp("row"), sink)
            trial.steps(1, 1)
            wait_for(lambda trial=trial: trial.sink._child or trial.failures)
            ends.append(threads.submit(run_row, row, server, trial))
        for end in ends:
            end.result()
    return trials


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_whatever_a_server_does_the_events_are_complete_and_one_line_says_what_happened(row, table):
    trial = table[row.name]
    events = read_events(trial.folder.events).events
    assert [e["step"] for e in events if e["kind"] == "step"] == [1, 2, 3, 4, 5, 6]
    assert events[-1]["kind"] == "run_finished"
    ((sink, error, _),) = trial.failures
    assert sink == "swanlab" and row.says in error and "\n" not in error
    assert trial.mirror.whole == row.whole
    assert trial.sink._child.process.poll() is not None


def test_a_run_that_is_stopped_goes_on_in_the_same_experiment_and_sync_finds_nothing_to_send(
    tmp_path, monkeypatch
):
    with cloud() as server:
        monkeypatch.setenv("SWANLAB_API_KEY", KEY)
        monkeypatch.setenv("SWANLAB_API_HOST", server.address)
        first = Trial(tmp_path, SwanLabSink("auto", "法律", "中文 标题", {}))
        first.emit("run_started")
        first.steps(1, 3)
        first.emit("run_interrupted", signal=15, step=3)
        first.close("interrupted")
        again = Trial(tmp_path, SwanLabSink("auto", "法律", "中文 标题", {}))
        again.emit("run_resumed", from_step=3)
        again.steps(4, 4, loss=float("nan"))
        again.stage("after", 2, 1.5)
        again.emit("run_finished", reason="done", seconds=1.0)
        again.close()
        assert first.failures == again.failures == []
        (identity,) = server.experiments
        experiment = server.experiments[identity]
        _same_as_events(again, server, experiment)
        assert experiment.states == ["ABORTED", "FINISHED"]
        assert experiment.scalars["train/loss", 4] == "nan"
        assert f"/api/project/u/{project_name('法律')}" in server.asked
        assert again.mirror.whole

        sent = experiment.sent
        names = names_of(again.folder, "法律", "中文 标题", {})
        synced = sync(Run(again.folder), names, "online")
        assert (synced.experiment, synced.rebuilt, synced.sent) == (identity, False, 0)
        assert synced.known == 4 * 6 + 1 + 1
        assert experiment.sent == sent and list(server.experiments) == [identity]


def _same_as_events(trial, server, experiment):
    """Every point and text of the events, and no other, with the same value."""
    scalars, texts = expected(Run(trial.folder))
    shown = {place: "nan" if math.isnan(value) else value for place, value in scalars.items()}
    assert experiment.scalars == shown
    assert texts_of(server, experiment) == texts


def test_sync_rebuilds_an_empty_record_and_sends_it_with_the_times_of_the_events(tmp_path, monkeypatch):
    """As after kill -9 within the first seconds: SwanLab's file has 0 bytes."""
    trial = Trial(tmp_path, Recorder())
    trial.emit("run_started")
    trial.stage("before", 3, 2.0)
    trial.steps(1, 40)
    trial.close()
    empty = trial.folder.track("swanlab") / "run-20260101_000000-x" / "run-x.swanlab"
    empty.parent.mkdir(parents=True)
    empty.touch()
    assert trial.mirror == Mirror(241, 0, 3, 0)
    seen = []
    with cloud() as server:
        monkeypatch.setenv("SWANLAB_API_KEY", KEY)
        monkeypatch.setenv("SWANLAB_API_HOST", server.address)
        names = names_of(trial.folder, "p", "t", {})
        synced = sync(Run(trial.folder), names, "online", lambda done, total: seen.append((done, total)))
        (experiment,) = server.experiments.values()
    assert synced.rebuilt and synced.mirror == trial.mirror == Mirror(241, 241, 3, 3)
    assert (synced.sent, synced.known) == (241 + 1, 0)
    _same_as_events(trial, server, experiment)
    times = {e["step"]: e["time"] for e in read_events(trial.folder.events).events if e["kind"] == "step"}
    assert {step: experiment.times["train/loss", step] for step in times} == times
    assert seen == sorted(seen) and all(done <= total for done, total in seen)
    assert recorded(trial.folder)[0]["train/loss", 40] == 1 / 40
    assert not trial.folder.lock.exists()


def test_sync_gives_up_without_progress_and_does_not_touch_a_run_that_is_written(tmp_path, monkeypatch):
    trial = Trial(tmp_path, Recorder())
    trial.close()
    names, run = names_of(trial.folder, "p", "t", {}), Run(trial.folder)
    with cloud("dead") as server:
        monkeypatch.setenv("SWANLAB_API_KEY", KEY)
        monkeypatch.setenv("SWANLAB_API_HOST", server.address)
        with pytest.raises(SinkFailed, match="no progress for 0"):
            sync(run, names, "online", idle_seconds=0.5)
    lock = RunLock(trial.folder.lock)
    with pytest.raises(Exception, match="another process writes this run"):
        sync(run, names, "offline")
    lock.release()
