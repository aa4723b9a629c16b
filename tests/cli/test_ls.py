"""`loralab ls`: a line for each run, also for those that are broken."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from doubles.command import Job, invoke


@pytest.fixture
def runs(job: Job, tmp_path: Path) -> Path:
    """A finished run among wrecks."""
    parent = tmp_path / "runs"
    shutil.copytree(job.run, parent / "0001-job")
    (parent / "0002-empty").mkdir()
    garbage = parent / "0003-garbage"
    (garbage / "scores").mkdir(parents=True)
    for name in ("manifest.json", "events.jsonl", "config.yaml", "scores/after.json"):
        (garbage / name).write_bytes(b"\x00\xff{[")
    newer = parent / "0004-newer"
    newer.mkdir()
    (newer / "manifest.json").write_text('{"format": 99}')
    shutil.copytree(job.run, parent / "0005-stale")
    events = parent / "0005-stale" / "events.jsonl"
    lines = events.read_text("utf-8").splitlines(keepends=True)
    events.write_text("".join(lines[:-1]) + '{"seq": 9', "utf-8")
    (parent / "notes").mkdir()
    (parent / "0006-file").write_text("")
    return parent


def test_every_run_is_listed_with_its_state(runs: Path) -> None:
    said = invoke("ls", runs, "--json")
    assert said.code == 0, said.err
    listed = json.loads(said.out)["runs"]
    states = ["finished", "empty", "empty", "unreadable", "stale"]
    assert [(r["run"], r["status"]) for r in listed] == list(
        zip(["0001-job", "0002-empty", "0003-garbage", "0004-newer", "0005-stale"], states, strict=True)
    )
    first = listed[0]
    assert first["steps"] == 10 and first["stage"] == "after" and first["scores"]["heldout"]["loss"]["n"] == 4
    assert "newer loralab" in listed[3]["error"]


def test_one_line_a_run_and_the_next_command(runs: Path) -> None:
    said = invoke("ls", runs)
    lines = said.out.splitlines()
    assert said.code == 0 and len(lines) == 5
    assert lines[0].startswith("0001-job\tfinished\t10 steps\tloss ") and "n=4" in lines[0]
    assert lines[1].endswith("loss -") and said.err.startswith("next: loralab show ")


def test_a_folder_without_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = invoke("ls", tmp_path)
    assert said.code == 0 and said.out == "" and "no runs in" in said.err and "loralab demo" in said.err
    assert json.loads(invoke("ls", tmp_path, "--json").out) == {"runs": []}
    monkeypatch.chdir(tmp_path)
    assert invoke("ls").code == 0, "the folder that is meant when none is named need not exist"


def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    said = invoke("ls", tmp_path / "absent")
    assert said.code == 2 and f"{tmp_path / 'absent'}: no such folder" in said.err
