"""Readers of a run: what is there is read, what is missing is empty, and the status is what happened last."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from doubles.command import Job
from loralab.errors import UsageError
from loralab.run.events import EventWriter
from loralab.run.files import write_json_lines
from loralab.run.folder import RunFolder
from loralab.run.lock import RunLock
from loralab.run.view import Run, list_runs, open_run, stage_order


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    path = tmp_path / "0001-run"
    path.mkdir()
    return RunFolder(path)


def write(folder: RunFolder, *kinds: str) -> Run:
    writer = EventWriter(folder.events)
    for kind in kinds:
        writer.append(kind, step=1, from_step=1)
    writer.close()
    return Run(folder)


@pytest.mark.parametrize(
    ("kinds", "status"),
    [
        (("run_started", "step", "run_finished"), "finished"),
        (("run_started", "step", "run_failed"), "failed"),
        (("run_started", "run_interrupted"), "interrupted"),
        (("run_started", "run_finished", "sink_failed"), "finished"),
        (("run_started", "run_interrupted", "run_resumed", "step"), "stale"),
        (("run_started", "step"), "stale"),
        ((), "stale"),
    ],
)
def test_status_is_how_the_run_ended_last(folder: RunFolder, kinds: tuple[str, ...], status: str) -> None:
    assert write(folder, *kinds).status == status


def test_a_run_whose_writer_lives_is_running(folder: RunFolder) -> None:
    run = write(folder, "run_started", "run_interrupted", "run_resumed")
    lock = RunLock(folder.lock)
    assert run.status == "running"
    lock.release()
    assert run.status == "stale"


def test_stages_are_in_the_order_of_time() -> None:
    names = ["after", "epoch-10", "other", "before", "epoch-2"]
    assert sorted(names, key=stage_order) == ["before", "epoch-2", "epoch-10", "after", "other"]


@pytest.mark.parametrize("content", [None, b"", b"{", b"[1]", b"\xff\xfe\x00", b"null"])
def test_parts_that_are_missing_or_garbage_read_as_empty(folder: RunFolder, content: bytes | None) -> None:
    if content is not None:
        for path in (
            folder.manifest,
            folder.config,
            folder.events,
            folder.data / "report.json",
            folder.scores("before"),
        ):
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
    run = Run(folder)
    assert (run.manifest, run.config, run.data_report, run.scores("before")) == ({}, {}, {}, {})
    assert run.record.events == () and run.predictions("before") == [] and run.last("step") == {}


ANSWER = {"id": "1", "answer": "a", "reference": "r", "finish_reason": "stop"}
SCORE = {"task": "heldout", "metric": "loss", "id": "1", "value": 1.5, "weight": 2}


def test_damaged_answers_and_score_rows_are_passed_over_and_counted(folder: RunFolder) -> None:
    bad = [{**ANSWER, "answer": None}, {"id": "1"}, []]
    write_json_lines(folder.predictions("before"), [ANSWER, *bad])
    lost = [{**SCORE, "value": value} for value in ("x", None, [])]
    scores = [SCORE, {**SCORE, "value": "NaN"}, *lost, {**SCORE, "id": ["1"]}]
    write_json_lines(folder.score_rows("before"), scores)
    with folder.score_rows("before").open("ab") as stream:
        stream.write(b'{"task": "held')
    run = Run(folder)
    assert run.predictions("before") == [ANSWER]
    assert run.score_rows("before") == scores[:2]
    assert run.unreadable == {"predictions/before.jsonl": 3, "scores/before.rows.jsonl": 5}


def test_a_whole_run_has_no_unreadable_lines(job: Job) -> None:
    assert open_run(job.run).unreadable == {}


@pytest.mark.parametrize(("number", "readable"), [(1, True), (2, False)])
def test_only_known_formats_are_read(folder: RunFolder, number: int, readable: bool) -> None:
    folder.manifest.write_text(json.dumps({"format": number, "unknown": "field"}), "utf-8")
    if readable:
        assert open_run(folder.path).manifest["unknown"] == "field"
        return
    with pytest.raises(UsageError, match=f"newer loralab \\(format {number}\\)"):
        open_run(folder.path)


def test_runs_of_a_folder_are_listed_by_number(tmp_path: Path) -> None:
    for name in ("10000-c", "9999-b", "0001-a", "notes"):
        (tmp_path / name).mkdir()
    (tmp_path / "0003-file").write_text("")
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "manifest.json").write_text("{}")
    assert [r.id for r in list_runs(tmp_path)] == ["0001-a", "9999-b", "10000-c", "kept"]
    assert list(list_runs(tmp_path / "absent")) == []


def test_a_real_run_reads_whole(job: Job) -> None:
    run = open_run(job.run)
    assert run.status == "finished" and run.id == "0001-job"
    assert run.stages == ["before", "epoch-1", "epoch-2", "after"]
    assert len(run.record.steps()) == 10 and run.record.torn_bytes == 0
    assert [e["seq"] for e in run.record.events] == list(range(len(run.record.events)))
    for stage in run.stages:
        assert len(run.predictions(stage)) == 6 and run.scores(stage)["heldout"]["loss"]["n"] == 4
    report = run.data_report
    assert report["read"] == report["kept"] + sum(report["dropped"].values()) == 24


def test_the_record_of_a_run_is_the_one_the_contract_names(job: Job) -> None:
    names = {str(p.relative_to(job.run)) for p in job.run.rglob("*") if p.is_file()}
    assert names >= {
        "config.yaml", "manifest.json", "events.jsonl", "report.html", "data/report.json", "data/dropped.jsonl",
        "data/split.json", "predictions/before.jsonl", "predictions/after.jsonl", "scores/after.json",
        "adapter/adapter_model.safetensors", "adapter/adapter_config.json", "checkpoints/step-000010/state.json",
    }  # fmt: skip
    assert not [n for n in names if n.endswith(".tmp") or "LOCK" in n]
    manifest = json.loads((job.run / "manifest.json").read_text("utf-8"))
    assert manifest["format"] == 1 and manifest["id"] == "0001-job"
    assert manifest["decoding"]["do_sample"] is False and manifest["decoding"]["max_new_tokens"] == 24
    assert manifest["data_files"][0]["rows"] == 24 and len(manifest["data_files"][0]["sha256"]) == 64
    assert manifest["command"][:2] == ["loralab", "train"] and manifest["engine"]["name"] == "fast"
    kinds = {e["kind"] for e in open_run(job.run).record.events}
    assert kinds >= {
        "run_started", "data_ready", "model_ready", "plan", "stage_started", "prediction", "scored", "stage_finished",
        "step", "held_out", "checkpoint", "best", "run_finished",
    }  # fmt: skip


def test_prediction_events_hold_every_field_of_the_predictions(job: Job) -> None:
    run = open_run(job.run)
    for stage in run.stages:
        told = [e for e in run.record.of_kind("prediction") if e["stage"] == stage]
        fields = [{k: v for k, v in e.items() if k not in ("seq", "time", "kind", "stage")} for e in told]
        assert sorted(fields, key=lambda p: p["id"]) == sorted(run.predictions(stage), key=lambda p: p["id"])
