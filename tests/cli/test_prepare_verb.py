"""`loralab prepare`: files for other tools, and no files of rows where bad rows are an error."""

from __future__ import annotations

import json
from pathlib import Path

from doubles.command import Job, invoke


def test_a_folder_with_the_split_and_its_report(job: Job, tmp_path: Path) -> None:
    out = tmp_path / "out"
    said = invoke("prepare", job.config, "--out", out, "--json")
    assert said.code == 0, said.err
    document = json.loads(said.out)
    assert document["rows"] == {"train": 18, "test": 4, "probes": 2}
    assert document["data"] == json.loads((out / "report.json").read_text("utf-8"))
    assert sorted(p.name for p in out.iterdir()) == [
        "dropped.jsonl", "probes.jsonl", "report.json", "split.json", "test.jsonl", "train.jsonl",
    ]  # fmt: skip
    assert said.err.rstrip().endswith(f"next: loralab check {out / 'train.jsonl'}")
    assert invoke("check", out / "train.jsonl", "--json").code == 0


def test_bad_rows_leave_only_the_report(bad_rows: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    said = invoke("prepare", bad_rows, "--out", out)
    assert said.code == 3 and f"{bad_rows}:2" in said.err
    assert sorted(p.name for p in out.iterdir()) == ["dropped.jsonl", "report.json", "split.json"]
    again = invoke("prepare", bad_rows, "--out", tmp_path / "b", "data.on_bad_row=drop")
    assert again.code == 0 and (tmp_path / "b" / "train.jsonl").is_file()


def test_a_folder_that_holds_something_is_left_alone(rows_file: Path, tmp_path: Path) -> None:
    said = invoke("prepare", rows_file, "--out", tmp_path)
    assert said.code == 2 and "is not empty" in said.err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["rows.jsonl"]


def test_a_folder_that_cannot_be_made_is_named(rows_file: Path) -> None:
    said = invoke("prepare", rows_file, "--out", rows_file / "below")
    assert said.code in (2, 4) and "rows.jsonl" in said.err and "Traceback" not in said.err


def test_rows_that_do_not_fit_are_left_out_with_a_tokenizer(
    rows_file: Path, tiny_model: Path, tmp_path: Path
) -> None:
    words = ["data.max_tokens=120", "data.on_long=drop", "--model", tiny_model, "--out"]
    said = invoke("prepare", rows_file, *words, tmp_path / "out", "--json")
    document = json.loads(said.out)
    assert document["data"]["dropped"]["too_long"] > 0
    assert sum(document["rows"].values()) == document["data"]["kept"]
