"""`loralab study`: each cell is trained once, whatever happens on the way; a stand-in trains the cells."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from doubles.command import Said, invoke, wait_until
from doubles.studies import FAKE_COMMAND, WriteStudy, commands
from loralab.run.lock import RunLock
from loralab.study import train_cell
from loralab.study.hold import holding, is_held
from loralab.study.plan import load_study

pytestmark = pytest.mark.usefixtures("fake_cells")
RANKS = "axes: {lora.rank: [2, 4, 8]}\n"
sleep = time.sleep
COUNTS = ("finished", "failed", "interrupted", "running", "waiting")


def counts(said: Said) -> dict[str, int]:
    found = json.loads(said.out)["counts"]
    assert set(found) == set(COUNTS)
    return {state: n for state, n in found.items() if n}


def test_every_cell_is_trained_once_and_one_report_is_written(write_study: WriteStudy) -> None:
    study = write_study(RANKS)
    said = invoke("study", study, "--json")
    folder = study.parent / "studies" / "ranks"
    assert said.code == 0, said.err
    assert counts(said) == {"finished": 3} and json.loads((folder / "study.json").read_text()) == json.loads(
        said.out
    )
    assert commands(folder) == {f"rank-{rank}": ["train"] for rank in (2, 4, 8)}
    assert (folder / "report.html").is_file() and "next: open" in said.err
    again = invoke("study", study, "--json")
    assert again.code == 0 and again.out == said.out and "begins" not in again.err
    assert commands(folder) == {f"rank-{rank}": ["train"] for rank in (2, 4, 8)}


def test_new_values_of_an_axis_add_cells_and_keep_the_old_ones(write_study: WriteStudy) -> None:
    folder = write_study(RANKS).parent / "studies" / "ranks"
    assert invoke("study", write_study(RANKS)).code == 0
    said = invoke("study", write_study("axes: {lora.rank: [2, 4, 16]}\n"), "--json")
    assert counts(said) == {"finished": 3} and commands(folder)["rank-16"] == ["train"]
    assert all(told == ["train"] for told in commands(folder).values())
    assert "1 cells in the folder are no longer part of the study: rank-8-" in said.err


def test_a_cell_that_fails_stops_no_other_and_keeps_its_reason(write_study: WriteStudy) -> None:
    study = write_study("axes: {lora.rank: [2, 98, 99, 8]}\n")
    folder = study.parent / "studies" / "ranks"
    said = invoke("study", study, "--json")
    assert said.code == 1 and counts(said) == {"finished": 2, "failed": 2}
    reasons = {c["label"]: c["reason"] for c in json.loads(said.out)["cells"] if c["state"] == "failed"}
    assert reasons == {"rank=98": "the loss is not finite", "rank=99": "config: rank 99 is refused"}
    assert f"next: loralab study {study} --retry-failed" in said.err
    assert invoke("study", study).code == 1
    assert commands(folder) == {
        "rank-2": ["train"],
        "rank-8": ["train"],
        "rank-98": ["train"],
        "rank-99": ["train"],
    }
    assert invoke("study", study, "--retry-failed").code == 1
    assert commands(folder)["rank-98"] == ["train", "resume"], "a run goes on where it was"
    assert commands(folder)["rank-99"] == ["train", "train"] and commands(folder)["rank-2"] == ["train"]


def start(study: Path, *words: str) -> subprocess.Popen[str]:
    """The study as a process of its own, in which cells are the stand-in's too."""
    program = (
        "import sys; from loralab.study import train_cell; from loralab.cli.main import run;"
        f"train_cell.COMMAND = {FAKE_COMMAND!r}; sys.argv = ['loralab', 'study', *sys.argv[1:]]; run()"
    )
    return subprocess.Popen(
        [sys.executable, "-c", program, str(study), *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def at_work(folder: Path) -> list[Path]:
    """Marks of cells that the stand-in is at."""
    return list(folder.glob("cells/*/*/at_work"))


def when(condition: Callable[[], bool], act: Callable[[], None]) -> threading.Thread:
    """A thread that acts once a condition holds."""

    def wait() -> None:
        deadline = time.monotonic() + 60
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.01)
        act()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_is_handed_on_and_the_same_command_goes_on(
    write_study: WriteStudy, number: signal.Signals, code: int
) -> None:
    study = write_study("axes: {lora.rank: [2, 97, 8]}\n")
    folder = study.parent / "studies" / "ranks"
    sender = when(lambda: bool(at_work(folder)), lambda: os.kill(os.getpid(), number))
    said = invoke("study", study)
    sender.join()
    assert said.code == code, said.err
    assert f"next: loralab study {study}" in said.err and said.out == ""
    assert not at_work(folder) and not (folder / "LOCK").exists()
    status = invoke("study", "status", folder, "--json")
    assert status.code == 0 and counts(status) == {"finished": 1, "interrupted": 1, "waiting": 1}
    assert invoke("study", study).code == 0
    assert commands(folder) == {"rank-2": ["train"], "rank-97": ["train", "resume"], "rank-8": ["train"]}


def test_a_study_that_is_killed_leaves_one_trainer_and_the_next_waits_for_it(
    write_study: WriteStudy, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = write_study("axes: {lora.rank: [97, 8]}\n")
    folder = study.parent / "studies" / "ranks"
    process = start(study)
    wait_until(lambda: bool(at_work(folder)), process)
    cell = int(at_work(folder)[0].read_text())
    process.kill()
    process.communicate()
    assert counts(invoke("study", "status", folder, "--json")) == {"running": 1, "waiting": 1}
    assert is_held(next(folder.glob("cells/rank-97-*")) / "HOLD")
    seen: list[dict[str, list[str]]] = []
    waiting = threading.Event()
    monkeypatch.setattr(train_cell.time, "sleep", lambda seconds: (waiting.set(), sleep(seconds)))

    def end_it() -> None:
        sleep(train_cell.PATIENCE_SECONDS + 0.5)
        seen.append(commands(folder))
        os.kill(cell, signal.SIGTERM)

    sender = when(waiting.is_set, end_it)
    said = invoke("study", study)
    sender.join()
    assert said.code == 0 and "waiting for it" in said.err, said.err
    assert seen == [{"rank-97": ["train"]}]
    assert commands(folder) == {"rank-97": ["train", "resume"], "rank-8": ["train"]}


def test_two_processes_do_not_run_one_study(write_study: WriteStudy) -> None:
    study = write_study(RANKS)
    folder = study.parent / "studies" / "ranks"
    folder.mkdir(parents=True)
    lock = RunLock(folder / "LOCK")
    said = invoke("study", study)
    assert said.code == 2 and "another process runs this study" in said.err and "study status" in said.err
    lock.release()
    assert invoke("study", study).code == 0


def test_a_cell_that_is_killed_is_left_for_the_next_time(write_study: WriteStudy) -> None:
    study = write_study("axes: {lora.rank: [97, 8]}\n")
    folder = study.parent / "studies" / "ranks"

    killer = when(
        lambda: bool(at_work(folder)),
        lambda: os.kill(int(at_work(folder)[0].read_text()), signal.SIGKILL),
    )
    said = invoke("study", study, "--json")
    killer.join()
    assert said.code == 1 and counts(said) == {"finished": 1, "interrupted": 1}
    assert "rank=97 was broken off (-9)" in said.err
    assert invoke("study", study).code == 0
    assert commands(folder) == {"rank-97": ["train", "resume"], "rank-8": ["train"]}


def test_a_hold_of_another_process_is_waited_for_and_a_signal_ends_the_wait(
    write_study: WriteStudy, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = write_study("axes: {lora.rank: [8]}\n")
    folder = study.parent / "studies" / "ranks"
    assert invoke("study", study).code == 0
    (one,) = load_study(study).cells
    for path in (folder / "cells" / one.cell.name).glob("0001-*/events.jsonl"):
        path.unlink()
    waiting = threading.Event()
    monkeypatch.setattr(train_cell.time, "sleep", lambda seconds: (waiting.set(), sleep(seconds)))
    with holding(folder / "cells" / one.cell.name / "HOLD"):
        sender = when(waiting.is_set, lambda: os.kill(os.getpid(), signal.SIGINT))
        assert invoke("study", study).code == 130
        sender.join()
    assert commands(folder) == {"rank-8": ["train"]}


def test_halving_trains_rung_after_rung(write_study: WriteStudy) -> None:
    study = write_study(
        "axes: {lora.rank: {low: 1, high: 8}}\nsearch: {method: halving, trials: 4, keep_one_in: 2, rungs: 2}\n"
    )
    said = invoke("study", study, "--json")
    cells = json.loads(said.out)["cells"]
    assert said.code == 0 and counts(said) == {"finished": 6}, said.err
    short = [c["values"]["lora.rank"] for c in cells if c["values"]["train.epochs"] == 1]
    long = [c["values"]["lora.rank"] for c in cells if c["values"]["train.epochs"] == 2]
    assert sorted(long) == sorted(short)[-2:], "the loss of the stand-in falls with the rank"
    assert json.loads(invoke("study", study, "--json").out) == json.loads(said.out)
    status = invoke("study", "status", study.parent / "studies" / "ranks", "--json")
    assert json.loads(status.out) == json.loads(said.out)


def test_cells_that_are_unlike_end_with_exit_code_5(write_study: WriteStudy) -> None:
    study = write_study(RANKS)
    folder = study.parent / "studies" / "ranks"
    assert invoke("study", study).code == 0
    manifest = next(folder.glob("cells/rank-8-*/0001-*/manifest.json"))
    document: dict[str, Any] = json.loads(manifest.read_text())
    document["evaluation_fingerprint"]["parts"]["questions"] = "other"
    document["evaluation_fingerprint"]["hash"] = "other"
    manifest.write_text(json.dumps(document))
    said = invoke("study", study)
    assert said.code == 5 and "not the same questions" in said.err
    status = invoke("study", "status", folder)
    assert status.code == 0 and "not compared" in status.err
    assert counts_of_marked(study, write_study) == {"finished": 3}


def counts_of_marked(study: Path, write_study: Callable[..., Path]) -> dict[str, int]:
    said = invoke("study", write_study(RANKS + "unlike: mark\n"), "--json")
    assert said.code == 0 and "These runs are unlike" in said.err
    return counts(said)


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["status"], "status: no such file"), (["status", "absent"], "not the folder of a study"), (["a", "b"], "is called with"),
        (["absent.yaml"], "no such file"), (["ranks.yaml", "--calibrate"], "needs --dry-run"),
        (["status", "absent", "--dry-run"], "is called with"),
    ],
)  # fmt: skip
def test_what_is_not_a_study(write_study: WriteStudy, words: list[str], part: str) -> None:
    write_study(RANKS)
    said = invoke("study", *words)
    assert said.code == 2 and part in said.err and said.out == ""


def test_status_writes_nothing(write_study: WriteStudy) -> None:
    study = write_study(RANKS)
    assert invoke("study", study).code == 0
    folder = study.parent / "studies" / "ranks"
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    said = invoke("study", "status", folder)
    assert said.code == 0 and "3 of 3 cells finished" in said.err and "rank=8 has the best" in said.err
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    (folder / "report.html").unlink()
    assert invoke("study", "report", folder).code == 0 and (folder / "report.html").is_file()


def test_words_are_chinese_where_they_are_asked_for(write_study: WriteStudy) -> None:
    said = invoke("study", write_study(RANKS), "--lang", "zh")
    assert said.code == 0 and "3 个单元：3 个完成" in said.err and "数值会偏好看" in said.err
