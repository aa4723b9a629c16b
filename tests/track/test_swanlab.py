import contextlib
import importlib.util
import io
import json
import math
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
import swanlab
import yaml
from trial import Trial

from doubles.fake_cloud import cloud
from doubles.warm_child import warm_children
from loralab.config.schema import Config, TrackConfig
from loralab.run import EventWriter, RunFolder
from loralab.track import Mirror, SinkFailed, SwanLabSink, sinks_for
from loralab.track.child import Censor
from loralab.track.process import GROUP_SIGNALS
from loralab.track.settings import flatten
from loralab.track.swanlab import child_environment, choose_mode, project_name
from loralab.track.verify import note_elsewhere, recorded

KEY = "k3y0fs0me0ne"


@pytest.fixture(autouse=True)
def warm(request, monkeypatch):
    """All but one: the environment and the working folder must hold for a process that is started, too.

    SwanLab is imported here, before a test sets variables that it looks at while it is imported.
    """
    assert swanlab.__version__
    if request.function is not test_offline_every_scalar_and_text_is_found_whatever_the_environment_says:
        warm_children(monkeypatch)


def offline(**more):
    return SwanLabSink("offline", "loralab", "title", {}, **more)


def train_loss(records):
    return {r.scalar.step: r.scalar.value.number for r in records if r.scalar.key == "train/loss"}


def files_with(word, folder):
    return [path for path in folder.rglob("*") if path.is_file() and word.encode() in path.read_bytes()]


def test_offline_every_scalar_and_text_is_found_whatever_the_environment_says(tmp_path, monkeypatch):
    for name, value in {
        "SWANLAB_PROJECT": "breaks-init", "swanlab_run": "breaks-init", "SWANLAB_DEBUG": "true",
        "SWANLAB_RESUME": "must", "SWANLAB_WEBHOOK": "http://127.0.0.1:9/", "SWANLAB_API_KEY": KEY,
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("SWANLAB_API_HOST=not-a-host\nSWANLAB_CORE=breaks-init\n", "utf-8")
    settings = {
        "lora": {"rank": 8, "init": None, "targets": ("q_proj", "k_proj")},
        "data": {"system": "法律助手"},
    }
    trial = Trial(tmp_path, SwanLabSink("offline", "法律问答", "中文标题 a/b", settings))
    trial.emit("run_started")
    trial.stage("before", 250, 3.0)
    trial.emit("held_out", step=0, epoch=0.0, loss=3.0, tokens=9)
    trial.steps(1, 2)
    trial.steps(3, 3, loss=math.nan)
    trial.steps(4, 5, loss=math.inf)
    trial.emit("held_out", step=5, epoch=1.0, loss=2.0, tokens=9)
    trial.stage("epoch-1", 250, 2.0)
    trial.stage("after", 250, 1.5)
    trial.emit("run_finished", reason="done", seconds=1.0)
    trial.close()

    assert trial.failures == []
    assert trial.mirror == Mirror(5 * 6 + 2 + 3, 5 * 6 + 2 + 3, 750, 750)
    scalars, texts = recorded(trial.folder)
    assert {place: value for place, value in scalars.items() if "heldout" in place[0]} == {
        ("heldout/loss", 0): 3.0, ("heldout/loss", 5): 2.0,
        ("scores/heldout/loss", 0): 3.0, ("scores/heldout/loss", 5): 2.0, ("scores/heldout/loss", 6): 1.5,
    }  # fmt: skip
    assert math.isnan(scalars["train/loss", 3]) and scalars["train/loss", 4] == math.inf
    assert scalars["train/tokens_per_second", 5] == 600 and scalars["train/peak_memory_gib", 5] == 1
    assert texts["answers/201-300", 5, "epoch-1 · question 250"] == (
        "[question]\n问题 250\r\n?\n\n[answer]\nepoch-1 答 250\n\n[reference]\n参考 250"
    )
    (records,) = trial.swanlab_runs
    assert (records[0].start.project, records[0].start.name) == (project_name("法律问答"), "中文标题 a/b")
    assert "法律问答" in records[0].start.description
    (shown,) = trial.folder.track("swanlab").glob("run-*/files/config.yaml")
    assert {key: item["value"] for key, item in yaml.safe_load(shown.read_text("utf-8")).items()} == {
        "lora.rank": 8, "lora.init": "none", "lora.targets": "q_proj, k_proj", "data.system": "法律助手",
    }  # fmt: skip
    assert files_with(KEY, trial.folder.path) == []


def test_two_runs_in_one_process_and_a_resume_in_a_later_one(tmp_path):
    one, two = Trial(tmp_path / "one", offline()), Trial(tmp_path / "two", offline())
    for step in range(1, 5):
        one.steps(step, step)
        two.steps(step, step, loss=7.0)
    one.stage("epoch-1", 2, 2.0)
    one.steps(5, 6)
    one.emit("run_interrupted", signal=2, step=6)
    one.close("interrupted")
    two.close()
    assert one.failures == two.failures == []
    assert recorded(two.folder)[0]["train/loss", 4] == 7.0
    assert two.mirror.whole and one.mirror == Mirror(37, 37, 2, 2)

    again = Trial(tmp_path / "one", offline())
    again.emit("run_resumed", from_step=4)
    again.steps(5, 8, loss=0.125)
    again.close()
    assert again.failures == [] and again.mirror == Mirror(49, 49, 2, 2)
    assert [train_loss(records) for records in again.swanlab_runs] == [
        {1: 1, 2: 1 / 2, 3: 1 / 3, 4: 1 / 4, 5: 1 / 5, 6: 1 / 6},
        {1: 1, 2: 1 / 2, 3: 1 / 3, 4: 1 / 4, 5: 0.125, 6: 0.125, 7: 0.125, 8: 0.125},
    ]


def test_superseded_steps_of_a_replayed_record_are_not_in_the_newest_swanlab_run(tmp_path):
    trial = Trial(tmp_path, offline())
    trial.steps(1, 3)
    trial.emit("run_resumed", from_step=1)
    trial.steps(2, 4, loss=0.125)
    trial.close()
    assert trial.failures == [] and trial.mirror.whole
    assert [train_loss(records) for records in trial.swanlab_runs] == [
        {1: 1, 2: 1 / 2, 3: 1 / 3},
        {1: 1, 2: 0.125, 3: 0.125, 4: 0.125},
    ]


def test_verify_counts_what_is_missing_or_wrong(tmp_path):
    trial = Trial(tmp_path, offline())
    trial.steps(1, 2)
    trial.stage("after", 2, 1.0)
    trial.close()
    assert trial.mirror == Mirror(13, 13, 2, 2)
    next(trial.folder.track("swanlab").glob("run-*/media/text/*.txt")).write_text("changed", "utf-8")
    writer = EventWriter(trial.folder.events)
    writer.append("step", step=3, loss=1.0)
    writer.close()
    assert trial.mirror == Mirror(14, 13, 2, 1)
    (record,) = trial.folder.track("swanlab").glob("run-*/run-*.swanlab")
    record.write_bytes(record.read_bytes()[:300])
    assert trial.mirror.scalars_found < 13
    record.write_bytes(b"")
    assert trial.mirror == Mirror(14, 0, 2, 0)


def test_online_without_a_key_fails_at_once_with_one_line(tmp_path):
    trial = Trial(tmp_path, SwanLabSink("online", "p", "t", {}))
    trial.steps(1, 3)
    start = time.monotonic()
    trial.close()
    assert time.monotonic() - start < 10
    ((sink, error, lost),) = trial.failures
    assert (sink, lost) == ("swanlab", 3)
    assert "no API key" in error and "\n" not in error
    assert trial.mirror == Mirror(18, 0, 0, 0)


def test_a_saved_login_makes_auto_online_and_its_key_reaches_the_server_but_no_file(tmp_path, monkeypatch):
    monkeypatch.setenv("SWANLAB_DEBUG", "true")  # makes SwanLab print the key that it loads
    with cloud() as server:
        address = f"http://127.0.0.1:{server.server_port}"
        (tmp_path / "login").mkdir()
        (tmp_path / "login" / ".netrc").write_text(
            f"machine {address} login {address} password {KEY}", "utf-8"
        )
        trial = Trial(tmp_path, SwanLabSink("auto", "p", "t", {}))
        trial.steps(1, 3)
        trial.close()
    assert trial.failures == [] and trial.mirror.whole
    assert server.keys == {KEY}
    assert "/api/house/metrics" in server.asked
    assert files_with(KEY, trial.folder.path) == []


def test_a_finish_that_hangs_is_ended_and_the_record_on_disk_is_whole(tmp_path, monkeypatch):
    with cloud("503") as server:
        monkeypatch.setenv("SWANLAB_API_KEY", KEY)
        monkeypatch.setenv("SWANLAB_API_HOST", f"http://127.0.0.1:{server.server_port}")
        trial = Trial(tmp_path, SwanLabSink("online", "p", "t", {}, close_seconds=1.0))
        trial.steps(1, 3)
        assert server.refused.wait(15)
        trial.close()
    assert trial.failures == [("swanlab", trial.failures[0][1], 0)]
    assert "did not finish within 1 s" in trial.failures[0][1]
    assert trial.sink._child.process.poll() is not None
    assert trial.mirror.whole
    assert files_with(KEY, tmp_path) == []


def test_a_server_that_says_nothing_does_not_hold_up_the_end_of_the_run(tmp_path, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("SWANLAB_API_KEY", KEY)
        monkeypatch.setenv("SWANLAB_API_HOST", f"http://127.0.0.1:{silent.getsockname()[1]}")
        trial = Trial(tmp_path, SwanLabSink("online", "p", "t", {}))
        trial.steps(1, 3)
        silent.settimeout(15)
        connection, _ = silent.accept()  # the child is logging in
        start = time.monotonic()
        trial.close(seconds=0.5)
        assert time.monotonic() - start < 3
        connection.close()
    assert trial.failures == [("swanlab", "did not finish within 0.5 s", 3)]
    assert trial.sink._child.process.poll() is not None
    assert files_with(KEY, tmp_path) == []


def test_a_child_that_is_killed_has_its_record_on_disk_and_is_reported(tmp_path):
    sink, folder, writer = offline(), RunFolder(tmp_path), EventWriter(tmp_path / "events.jsonl")
    sink.open(folder)
    sink.handle(writer.append("step", step=1, loss=0.5))
    deadline = time.monotonic() + 15
    while not recorded(folder)[0] and time.monotonic() < deadline:
        time.sleep(0.05)  # another process writes a file: there is nothing to wait on
    sink._child.process.kill()
    sink._child.process.wait()
    assert recorded(folder)[0] == {("train/loss", 1): 0.5}
    with pytest.raises(SinkFailed, match="ended with code -9"):
        sink.handle(writer.append("step", step=2, loss=0.5))
    writer.close()


def test_a_child_whose_run_goes_away_finishes_by_itself_and_signals_for_all_are_not_for_it(tmp_path):
    """SwanLab puts handlers of its own, which would finish its run."""
    sink = offline()
    sink.open(RunFolder(tmp_path))
    for step in (1, 2):
        sink.handle({"seq": step, "kind": "step", "step": step, "loss": 0.5})
    for name in GROUP_SIGNALS:
        sink._child.process.send_signal(getattr(signal, name))
    sink.handle({"seq": 3, "kind": "held_out", "step": 2, "loss": 0.25})
    sink._child.process.stdin.close()
    assert sink._child.process.wait(60) == 0
    sink.abandon()
    assert recorded(RunFolder(tmp_path))[0] == {
        ("train/loss", 1): 0.5, ("train/loss", 2): 0.5, ("heldout/loss", 2): 0.25,
    }  # fmt: skip


@pytest.mark.skipif(bool(importlib.util.find_spec("swanboard")), reason="swanboard is installed")
def test_local_mode_says_which_package_it_lacks(tmp_path):
    trial = Trial(tmp_path, SwanLabSink("local", "p", "t", {}))
    trial.steps(1, 1)
    trial.close()
    assert "pip install 'swanlab[dashboard]'" in trial.failures[0][1]


@pytest.mark.parametrize("names_a_folder", [True, False])
def test_local_mode_writes_what_swanlab_watch_shows_and_leaves_what_was_there(
    tmp_path, monkeypatch, names_a_folder
):
    """One folder of the user's for all runs, where SwanLab's own variable names it; else that of the run."""
    pytest.importorskip("swanboard", reason="swanboard is not installed")
    watched = tmp_path / "swanlog"
    run_plain_swanlab(watched)
    before = {path: path.read_bytes() for path in watched.glob("run-*/**/*") if path.is_file()}
    if names_a_folder:
        monkeypatch.setenv("SWANLAB_LOG_DIR", "swanlog")
        monkeypatch.chdir(tmp_path)
    trials = [Trial(tmp_path / name, SwanLabSink("local", "法律", name, {})) for name in ("one", "two")]
    for trial in trials:
        trial.steps(1, 3)
        trial.stage("after", 2, 1.5)
        trial.close()
        assert trial.failures == [] and trial.mirror == Mirror(19, 19, 2, 2)
        shown = shown_by_watch(
            watched if names_a_folder else trial.folder.track("swanlab"), trial.sink._title
        )
        assert shown["train/loss"] == {1: 1, 2: 1 / 2, 3: 1 / 3}
    assert {path: path.read_bytes() for path in before} == before
    assert shown_by_watch(watched, "theirs") == {"x": {1: 5.0}}


def run_plain_swanlab(folder):
    """An experiment of the user's own."""
    code = (
        "import swanlab\n"
        f"swanlab.init(mode='local', log_dir={str(folder)!r}, project='p', name='theirs')\n"
        "swanlab.log({'x': 5.0}, step=1)\nswanlab.finish()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def shown_by_watch(folder, experiment):
    """The numbers of an experiment as the viewer reads them: its database names the files."""
    with contextlib.closing(sqlite3.connect(folder / "runs.swanlab")) as database:
        rows = database.execute(
            "select experiment.run_id, tag.name, tag.folder from tag join experiment on tag.experiment_id = experiment.id"
            " where experiment.name = ? and experiment.status = 1 and tag.type = 'line'",
            (experiment,),
        ).fetchall()
    lines = {
        key: (folder / run / "logs" / place / "1000.log").read_text("utf-8").splitlines()
        for run, key, place in rows
    }
    return {key: {(m := json.loads(line))["index"]: m["data"] for line in of} for key, of in lines.items()}


def test_local_runs_in_a_folder_of_the_users_are_found_again(tmp_path):
    own, elsewhere = RunFolder(tmp_path / "0001-a"), Trial(tmp_path / "elsewhere", offline())
    elsewhere.steps(1, 2)
    elsewhere.close()
    (record,) = elsewhere.folder.track("swanlab").glob("run-*")
    own.track("swanlab").mkdir(parents=True)
    note_elsewhere(own.track("swanlab"), record)
    assert recorded(own) == recorded(elsewhere.folder) != ({}, {})
    record.rename(tmp_path / "gone")
    assert recorded(own) == ({}, {})


def test_a_project_becomes_a_name_that_swanlab_takes_and_stays_apart_from_others():
    assert project_name("my-project_1.0+x") == "my-project_1.0+x"
    assert project_name(" two words ") == "two-words"
    names = [project_name(p) for p in ("法律", "医疗", "law 法律", "law 医疗", "x" * 101, "x" * 102, "é", "")]
    assert len(set(names)) == len(names)
    assert all(len(name) <= 100 and name.isascii() and name.strip("-.") for name in names)
    assert project_name("法律") == "loralab-" + project_name("法律")[-8:] == project_name("法律")
    assert project_name("law 法律").startswith("law-")


def test_auto_is_online_only_with_a_key_or_a_login(tmp_path):
    home = {"SWANLAB_ROOT": str(tmp_path / "home")}
    assert choose_mode("auto", home, tmp_path) == "offline"
    assert choose_mode("online", home, tmp_path) == "online"
    assert choose_mode("auto", home | {"SWANLAB_API_KEY": " "}, tmp_path) == "offline"
    assert choose_mode("auto", home | {"SWANLAB_API_KEY": KEY}, tmp_path) == "online"
    assert (
        choose_mode("auto", home | {"SWANLAB_API_KEY": KEY, "SWANLAB_MODE": "offline"}, tmp_path) == "offline"
    )
    for place in (tmp_path / "home", tmp_path / ".swanlab"):
        place.mkdir()
        (place / ".netrc").write_text("", "utf-8")  # as `swanlab logout` leaves it
        assert choose_mode("auto", home, tmp_path) == "offline"
        (place / ".netrc").write_text(f"machine h\n\tlogin w\n\tpassword {KEY}\n", "utf-8")
        assert choose_mode("auto", home, tmp_path) == "online"
        (place / ".netrc").unlink()


def test_the_child_finds_the_login_of_the_working_folder_and_nothing_that_breaks_it(tmp_path):
    (tmp_path / ".swanlab").mkdir()
    (tmp_path / ".swanlab" / ".netrc").write_text("machine h login w password p", "utf-8")
    given = {"PATH": "/bin", "SWANLAB_PROJECT": "x", "Swanlab_Core": "x", "SWANLAB_WORKSPACE": "team",
             "SWANLAB_CONFIG_DIR": "site"}  # fmt: skip
    made = child_environment(given, tmp_path)
    assert {name: value for name, value in made.items() if name.upper().startswith("SWANLAB")} == {
        "SWANLAB_WORKSPACE": "team", "SWANLAB_CONFIG_DIR": str(tmp_path / "site"),
        "SWANLAB_ROOT": str(tmp_path / ".swanlab"),
    }  # fmt: skip
    assert made["PATH"] == "/bin"
    assert all(Path(entry).is_absolute() for entry in made["PYTHONPATH"].split(os.pathsep))


def test_settings_are_flat_and_hold_only_what_trackers_show():
    settings = {"a": {"b": {"c": 1}, "d": None}, "e": (1, 2), "f": True, "g": math.nan, "h": {}, "i": 1e-4}
    assert flatten(settings) == {
        "a.b.c": 1, "a.d": "none", "e": "1, 2", "f": True, "g": "nan", "h": "{}", "i": 1e-4,
    }  # fmt: skip


def test_a_secret_is_struck_out_of_what_is_printed(tmp_path):
    with (tmp_path / "log").open("w", encoding="utf-8") as log:
        censor = Censor(log)
        censor.secrets = {KEY, ""}
        censor.write(f"Loaded credentials: {KEY}, twice {KEY}")
    assert (tmp_path / "log").read_text("utf-8") == "Loaded credentials: ***, twice ***"


def test_a_log_that_cannot_be_written_does_not_hide_what_the_reply_says():
    """On a disk that failed, the process ended without a word: its traceback could not be printed."""

    class Failing(io.StringIO):
        def write(self, text):
            raise OSError(5, "Input/output error")

    assert Censor(Failing()).write("Traceback") == 9


def test_a_config_names_its_sinks():
    assert sinks_for(Config(track=TrackConfig(swanlab="off")), "t", {}) == []
    (sink,) = sinks_for(Config(), "t", {})
    assert isinstance(sink, SwanLabSink) and sink.name == "swanlab"
