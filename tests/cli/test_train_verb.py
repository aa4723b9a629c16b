"""`loralab train`: data on stdout, words on stderr, an exit code for every end."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path

import pytest

from doubles.command import Job, invoke
from loralab.run.view import list_runs, open_run


@pytest.fixture
def quick(job: Job, tmp_path: Path) -> list[str | Path]:
    return ["train", job.config, f"run.dir={tmp_path / 'runs'}", "evaluate.stages=[]", "train.epochs=0.2"]


def test_the_last_line_on_stdout_is_the_result(job: Job) -> None:
    assert job.said.code == 0, job.said.err
    (line,) = job.said.out.splitlines()
    result = json.loads(line)
    assert set(result) == {"run", "status", "scores"} and result["status"] == "finished"
    assert Path(result["run"]) == job.run
    assert result["scores"] == open_run(job.run).all_scores


def test_words_for_a_log_file_have_no_carriage_return_colour_or_traceback(job: Job) -> None:
    err = job.said.err
    assert "\r" not in err and "\x1b" not in err and "Traceback" not in err and "Warning" not in err
    lines = err.splitlines()
    assert lines[0] == f"run {job.run}" and lines[-1] == f"next: loralab show {job.run}"
    steps = [line for line in lines if re.match(r"step \d+/10 loss \d", line)]
    assert len(steps) == 10, "a line for each 5 %, at most one a step"
    for word in ("18 rows to train on, 4 held out, 2 probes", "engine fast", "heldout/loss", "report: "):
        assert word in err, word


def test_quiet_leaves_stderr_empty(quick: list[str | Path]) -> None:
    said = invoke(*quick, "-q")
    assert (said.code, said.out, said.err) == (0, "", "")


def test_a_log_of_many_steps_has_one_line_for_each_5_percent(quick: list[str | Path]) -> None:
    words = ["train.batch_rows=1", "train.accumulate=1", "train.epochs=3", "train.log_every_steps=1"]
    said = invoke(*quick[:-1], *words)
    steps = [int(n) for n in re.findall(r"^step (\d+)/54 ", said.err, re.MULTILINE)]
    assert said.code == 0 and len(steps) == 20 and steps[-1] == 54
    assert all(b - a in (2, 3) for a, b in pairwise(steps))


def test_words_in_chinese(quick: list[str | Path]) -> None:
    said = invoke(*quick, "--lang", "zh")
    assert said.code == 0 and "下一步" in said.err and "next:" not in said.err


def test_a_diverging_run_ends_with_1_and_names_rows_and_log(quick: list[str | Path], tmp_path: Path) -> None:
    said = invoke(*quick[:-1], "train.epochs=1", "train.learning_rate=1e30")
    assert said.code == 1 and said.out == ""
    (run,) = list_runs(tmp_path / "runs")
    assert "not finite" in said.err and "rows.jsonl:" in said.err and "Traceback" not in said.err
    assert said.err.rstrip().endswith(f"log: {run.folder.log}")
    assert run.status == "failed" and "Traceback" in run.folder.log.read_text("utf-8")


def test_a_bug_within_a_run_names_the_log_of_the_run(
    quick: list[str | Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from loralab.train.loop import Loop

    def odd(*_: object) -> None:
        raise IndexError("odd")

    monkeypatch.setattr(Loop, "_update", odd)
    said = invoke(*quick)
    (run,) = list_runs(tmp_path / "runs")
    assert said.code == 1 and "this is a bug in loralab: IndexError" in said.err
    assert f"log: {run.folder.log}" in said.err and "IndexError" in run.folder.log.read_text("utf-8")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["train.epoch=3"], 2, "train.epoch; did you mean epochs?"),
        (["train.epochs=three"], 2, "train.epochs"),
        (["model.name=/no/such/folder"], 2, "/no/such/folder"),
        (["data.train=/no/such/file.jsonl"], 2, "/no/such/file.jsonl"),
        (["lora.targets=[qproj]"], 2, "match no layer"),
        (["model.shard=fsdp"], 2, "model.shard is fsdp, which splits the base over the processes of a run"),
        (["train.max_steps=3"], 2, "train.epochs and train.max_steps are both set"),
        (["track.api_key=hush"], 2, "looks like a secret"),
        (["lora.init=/no/such/adapter"], 2, "/no/such/adapter"),
        (["data.max_tokens=5"], 3, "no row is left"),
        (["data.test=24", "data.probes=0"], 3, ""),
    ],
)
def test_bad_input_has_its_exit_code_and_no_traceback(
    quick: list[str | Path], words: list[str], code: int, said: str, tmp_path: Path
) -> None:
    found = invoke(*quick, *words)
    assert found.code == code, found.err
    assert said in found.err and "hush" not in found.err
    assert "Traceback" not in found.err and "bug" not in found.err
    assert (tmp_path / "runs").exists() is (code == 3), "what is wrong before a run leaves no run folder"


def test_bad_rows_end_with_3_and_their_places(
    quick: list[str | Path], bad_rows: Path, tmp_path: Path
) -> None:
    found = invoke(*quick, f"data.train={bad_rows}")
    assert found.code == 3 and f"{bad_rows}:2" in found.err and f"{bad_rows}:4" in found.err
    (run,) = list_runs(tmp_path / "runs")
    assert run.data_report["dropped"] == {"bad_json": 1, "empty_answer": 1} and run.status == "failed"
    assert len((run.folder.data / "dropped.jsonl").read_text("utf-8").splitlines()) == 2


def test_a_run_folder_that_cannot_be_made_ends_with_4(quick: list[str | Path], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = invoke(*quick, f"run.dir={tmp_path / 'file'}")
    assert found.code == 4 and str(tmp_path / "file") in found.err and "run.dir=FOLDER" in found.err


def test_the_stored_config_repeats_the_run(job: Job, tmp_path: Path) -> None:
    said = invoke("train", job.run / "config.yaml", f"run.dir={tmp_path / 'again'}", "--json")
    assert said.code == 0, said.err
    again = open_run(json.loads(said.out)["run"])
    whole = open_run(job.run)
    assert again.all_scores == whole.all_scores
    assert [e["loss"] for e in again.record.steps()] == [e["loss"] for e in whole.record.steps()]
