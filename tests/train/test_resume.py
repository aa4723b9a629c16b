"""A run that was broken off and carried on is the run that was not."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from doubles.command import Job, Said, invoke
from doubles.cut_run import cut_after
from doubles.same_run import differences
from faults.forked import Forked
from loralab.run.events import read_events
from loralab.run.lock import RunLock
from loralab.run.view import Run, open_run


def assert_same(found: Run, whole: Run) -> None:
    assert differences(found, whole) == []


def events(run: Path) -> str:
    path = run / "events.jsonl"
    return path.read_text("utf-8", "replace") if path.is_file() else ""


def has_checkpoint(run: Path) -> bool:
    return (run / "checkpoints" / "step-000004").is_dir()


def answers_epoch_1(run: Path) -> bool:
    return '"kind": "prediction", "stage": "epoch-1"' in events(run)


def has_made_step_3(run: Path) -> bool:
    return '"kind": "step", "step": 3,' in events(run)


BLOWS = {
    "killed": (has_checkpoint, signal.SIGKILL),
    "killed-asking": (answers_epoch_1, signal.SIGKILL),
    "SIGINT": (has_made_step_3, signal.SIGINT),
    "SIGTERM": (has_made_step_3, signal.SIGTERM),
}


@pytest.fixture(scope="session")
def broken(job: Job) -> dict[str, tuple[Path, Said]]:
    """The job four times more, each hit by a signal as soon as its condition holds: its run folder and last words."""
    return {name: hit(job, name, *BLOWS[name]) for name in BLOWS}


def hit(job: Job, name: str, condition: Callable[[Path], bool], number: int) -> tuple[Path, Said]:
    run = job.folder / name / job.run.name
    process = Forked(("train", job.config, f"run.dir={run.parent}"), job.folder / f"{name}.txt")
    try:
        process.wait_until(lambda: condition(run))
        process.send(number)
        return run, process.said()
    finally:
        process.kill()


@pytest.fixture(scope="session")
def killed(broken: dict[str, tuple[Path, Said]]) -> Path:
    """The job, killed when its second checkpoint appeared. Read only: copy it."""
    run, said = broken["killed"]
    assert said.code == -signal.SIGKILL and open_run(run).status == "stale"
    return run


@pytest.fixture
def copy(killed: Path, tmp_path: Path) -> Path:
    return shutil.copytree(killed, tmp_path / killed.name)


@pytest.fixture
def finished(job: Job, tmp_path: Path) -> Path:
    assert job.said.code == 0, job.said.err
    return shutil.copytree(job.run, tmp_path / job.run.name)


def test_a_killed_run_is_carried_on_to_the_same_end(job: Job, copy: Path) -> None:
    said = invoke("resume", copy)
    assert said.code == 0, said.err
    assert "goes on after step" in said.err and "lock of a process that is gone" in said.err
    assert_same(open_run(copy), open_run(job.run))
    assert len(open_run(copy).record.of_kind("run_resumed")) == 1


def test_a_run_killed_within_a_stage_keeps_the_answers_it_has(
    job: Job, broken: dict[str, tuple[Path, Said]]
) -> None:
    run, _ = broken["killed-asking"]
    record = read_events(run / "events.jsonl")
    before = [e for e in record.of_kind("prediction") if e["stage"] == "epoch-1"]
    assert record.events[-1]["kind"] == "prediction" and 0 < len(before) < 6
    assert invoke("resume", run).code == 0
    assert_same(open_run(run), open_run(job.run))
    asked = [e["id"] for e in open_run(run).record.of_kind("prediction") if e["stage"] == "epoch-1"]
    assert len(asked) == len(set(asked)) == 6, "no question is answered twice"


def test_a_torn_event_and_a_damaged_checkpoint_are_named_and_passed_over(job: Job, copy: Path) -> None:
    newest = max((copy / "checkpoints").glob("step-*"))
    weights = newest / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with (copy / "events.jsonl").open("ab") as stream:
        stream.write('{"seq": 99, "kind": "note", "message": "被撕'.encode()[:-1])
    said = invoke("resume", copy)
    assert said.code == 0, said.err
    assert f"{newest.name} is damaged and passed over: adapter_model.safetensors is damaged" in said.err
    assert "torn last event" in said.err
    run = open_run(copy)
    assert_same(run, open_run(job.run))
    assert {e["code"] for e in run.record.of_kind("warning")} >= {
        "torn_event",
        "damaged_checkpoint",
        "stale_lock",
    }
    assert run.last("run_resumed")["from_step"] == int(newest.name[-6:]) - 2


def test_without_any_whole_checkpoint_a_run_starts_over(job: Job, copy: Path) -> None:
    for path in (copy / "checkpoints").glob("step-*"):
        (path / "state.json").unlink()
    assert invoke("resume", copy).code == 0
    run = open_run(copy)
    assert run.last("run_resumed")["from_step"] == 0
    assert_same(run, open_run(job.run))


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_ends_a_run_so_that_it_can_go_on(
    job: Job, broken: dict[str, tuple[Path, Said]], name: str, code: int
) -> None:
    run, said = broken[name]
    assert said.code == code
    assert said.err.rstrip().endswith(f"next: loralab resume {run}") and "Traceback" not in said.err
    stopped = open_run(run)
    assert stopped.status == "interrupted" and not stopped.folder.lock.exists()
    last = stopped.last("run_interrupted")
    assert last["signal"] == BLOWS[name][1] and last["step"] >= 3
    assert stopped.folder.checkpoint(last["step"]).is_dir(), "the last finished step is saved"
    assert invoke("resume", run).code == 0
    assert_same(open_run(run), open_run(job.run))


@pytest.mark.parametrize(
    ("kind", "at", "stages"),
    [
        ("stage_finished", "before", ["epoch-1", "epoch-2", "after"]),
        ("checkpoint", 5, ["epoch-1", "epoch-2", "after"]),
        ("stage_finished", "epoch-1", ["epoch-2", "after"]),
        ("stage_finished", "epoch-2", ["after"]),
    ],
)
def test_a_run_killed_between_two_parts_does_neither_of_them_twice(
    job: Job, finished: Path, kind: str, at: int | str, stages: list[str]
) -> None:
    cut_after(finished, kind, at)
    before = len(read_events(finished / "events.jsonl").events)
    assert invoke("resume", finished).code == 0
    run = open_run(finished)
    assert_same(run, open_run(job.run))
    started = [e["stage"] for e in run.record.events[before:] if e["kind"] == "stage_started"]
    assert started == stages
    assert [e["step"] for e in run.record.of_kind("best")] == [
        e["step"] for e in open_run(job.run).record.of_kind("best")
    ]


def test_a_run_that_was_refused_for_its_rows_stays_refused(job: Job, tmp_path: Path) -> None:
    """Resuming it trained on what was left."""
    rows = tmp_path / "bad.jsonl"
    rows.write_text((job.folder / "rows.jsonl").read_text("utf-8") + "{broken\n", "utf-8")
    assert invoke("train", job.config, f"data.train={rows}", f"run.dir={tmp_path / 'runs'}").code == 3
    said = invoke("resume", tmp_path / "runs" / "0001-job")
    assert said.code == 3 and f"{rows}:25" in said.err
    assert open_run(tmp_path / "runs" / "0001-job").record.steps() == []


def refused(said: Said, *words: str) -> None:
    assert said.code == 2
    assert all(word in said.err for word in words), said.err
    assert "Traceback" not in said.err and "bug" not in said.err


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_a_finished_run_is_left_as_it_is(finished: Path) -> None:
    before = snapshot(finished)
    said = invoke("resume", finished)
    assert said.code == 0
    assert "is finished: nothing to do" in said.err and "train.epochs=N" in said.err
    assert snapshot(finished) == before


def test_a_run_that_was_killed_once_it_was_finished_gets_its_page(job: Job, finished: Path) -> None:
    """Its lock stayed, and the command named a report that was not there."""
    (finished / "report.html").unlink()
    gone = {"pid": 1, "host": socket.gethostname(), "started": "0"}
    (finished / "LOCK").write_text(json.dumps(gone), "utf-8")
    assert invoke("resume", finished).code == 0
    assert differences(open_run(finished), open_run(job.run)) == []


def test_more_epochs_carry_a_finished_run_on(finished: Path) -> None:
    first = open_run(finished).record.steps()
    assert len(first) == 10
    said = invoke("resume", finished, "train.epochs=3", "--json")
    assert said.code == 0, said.err
    run = open_run(finished)
    assert [e["step"] for e in run.record.steps()] == list(range(1, 16))
    assert run.record.steps()[:10] == first
    assert run.stages == ["before", "epoch-1", "epoch-2", "epoch-3", "after"]
    assert run.config["train"]["epochs"] == 3
    assert [e["seq"] for e in run.record.events] == list(range(len(run.record.events)))
    assert json.loads(said.out)["scores"] == run.all_scores
    assert invoke("resume", finished).code == 0, "the new config is the run's own"


def test_edited_data_are_refused(job: Job, copy: Path) -> None:
    rows = job.folder / "rows.jsonl"
    before, record = rows.read_bytes(), snapshot(copy)
    try:
        rows.write_bytes(before.replace("押金".encode(), "定金".encode()))
        refused(invoke("resume", copy), f"{rows}: has changed since this run was started", "next: ")
        rows.unlink()
        refused(invoke("resume", copy), f"{rows}: was used by this run and is gone")
    finally:
        rows.write_bytes(before)
    assert snapshot(copy) == record


def test_an_edited_tokenizer_is_refused(tiny_model: Path, copy: Path) -> None:
    path = tiny_model / "tokenizer_config.json"
    before, record = path.read_bytes(), snapshot(copy)
    try:
        path.write_bytes(before + b"\n")
        refused(invoke("resume", copy), f"{path}: has changed since this run was started")
    finally:
        path.write_bytes(before)
    assert snapshot(copy) == record


def test_an_edited_config_is_refused(copy: Path) -> None:
    config = copy / "config.yaml"
    config.write_text(config.read_text("utf-8").replace("dropout: 0.1", "dropout: 0.2"), "utf-8")
    record = snapshot(copy)
    refused(invoke("resume", copy), str(config), "was edited since the run was started")
    assert snapshot(copy) == record


@pytest.mark.parametrize(
    "change", ["lora.dropout=0.2", "train.learning_rate=1", "data.train=x", "train.epoch=3"]
)
def test_other_settings_cannot_change(copy: Path, change: str) -> None:
    refused(invoke("resume", copy, change), change.partition("=")[0], "only train.epochs and track.* can")


def test_a_second_writer_is_refused(copy: Path) -> None:
    (copy / "LOCK").unlink()
    lock = RunLock(copy / "LOCK")
    record = snapshot(copy)
    refused(invoke("resume", copy), "another process writes this run: pid")
    assert snapshot(copy) == record
    lock.release()


def test_a_run_of_a_newer_format_is_refused(copy: Path) -> None:
    manifest = json.loads((copy / "manifest.json").read_text("utf-8"))
    (copy / "manifest.json").write_text(json.dumps(manifest | {"format": 99}), "utf-8")
    refused(invoke("resume", copy), "newer loralab (format 99)")


@pytest.mark.parametrize("left", [b"", b"[]", b'{"format": 1, "data_fi'])
def test_a_damaged_manifest_is_named(copy: Path, left: bytes) -> None:
    """The data files were called new, and an edited config was not seen."""
    (copy / "manifest.json").write_bytes(left)
    record = snapshot(copy)
    refused(invoke("resume", copy), f"{copy}/manifest.json: is damaged")
    assert snapshot(copy) == record


@pytest.mark.parametrize("path", ["nowhere", "."])
def test_what_is_no_run_is_refused(tmp_path: Path, path: str) -> None:
    refused(invoke("resume", tmp_path / path), "run folder")


def test_a_resume_begins_with_its_own_event(copy: Path) -> None:
    """The stale lock was told before it: the report counted the hours between kill and resume as time of the run."""
    before = len(read_events(copy / "events.jsonl").events)
    assert invoke("resume", copy).code == 0
    later = [e.get("code", e["kind"]) for e in read_events(copy / "events.jsonl").events[before:]]
    assert later[:2] == ["run_resumed", "stale_lock"]


def test_fewer_epochs_than_were_made_are_refused(finished: Path) -> None:
    """A finished run took no notice of them."""
    record = snapshot(finished)
    refused(
        invoke("resume", finished, "train.epochs=1"), "train.epochs=1 ends after step 5", "has made 10 steps"
    )
    assert snapshot(finished) == record


def test_a_run_that_was_killed_before_its_record_is_started_again(copy: Path) -> None:
    (copy / "manifest.json").unlink()
    said = invoke("resume", copy)
    refused(
        said, "was stopped before its record began", f"next: start it again: loralab train {copy}/config.yaml"
    )


def test_files_that_were_not_finished_are_removed_and_named(copy: Path) -> None:
    leftover = copy / "predictions" / ".epoch-1.jsonl.0123abcd.tmp"
    leftover.write_bytes(b"half")
    said = invoke("resume", copy)
    assert said.code == 0 and "predictions/.epoch-1.jsonl.0123abcd.tmp" in said.err, said.err
    assert not leftover.exists() and "leftovers" in codes(copy)


def test_damaged_lines_of_the_record_are_counted_and_named(job: Job, copy: Path) -> None:
    """They were passed over in silence, and so were the steps that they had told of."""
    lines = (copy / "events.jsonl").read_bytes().splitlines(keepends=True)
    for mark in (b'"kind": "plan"', b'"kind": "step", "step": 2,'):
        at = next(i for i, line in enumerate(lines) if mark in line)
        lines[at] = b"\0" * 20 + b"\n"
    (copy / "events.jsonl").write_bytes(b"".join(lines))
    said = invoke("resume", copy)
    assert said.code == 0 and "2 lines of events.jsonl are damaged" in said.err
    assert re.search(r"1 of the \d+ steps so far are not in events\.jsonl", said.err)
    assert {"damaged_events", "missing_steps"} <= codes(copy)
    assert open_run(copy).record.steps()[-1]["step"] == 10


def codes(run: Path) -> set[str]:
    return {e["code"] for e in open_run(run).record.of_kind("warning")}
