"""A study with a cell that was really trained: what it says of those that are to come."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from doubles.command import invoke
from doubles.job_files import write_job
from studies.in_process import train_here

CELLS = "cells: [{lora.rank: 4}]\nprice: {device_hour: 2, currency: EUR}\n"


@pytest.fixture
def study(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study of one cell that takes a second, beside its base."""
    monkeypatch.chdir(tmp_path)
    write_job(tmp_path, tiny_model)
    path = tmp_path / "ranks.yaml"
    path.write_text(f"base: job.yaml\n{CELLS}", "utf-8")
    return path


def test_the_pace_of_finished_cells_gives_the_time_of_a_new_one_and_what_cannot_begin_is_said(
    study: Path,
) -> None:
    train_here(study, study.parent)
    study.write_text(f"base: job.yaml\n{CELLS.replace('4}]', '4}, {lora.rank: 8}, {model.name: absent}]')}")
    said = invoke("study", study, "--dry-run", "--json")
    assert said.code == 0, said.err
    cells = {cell["label"]: cell for cell in json.loads(said.out)["cells"]}
    new = cells["rank=8"]
    assert new["state"] == "waiting" and cells["rank=4"]["state"] == "finished"
    assert new["seconds"] > 0 and new["money"] == pytest.approx(2 * new["seconds"] / 3600)
    assert new["memory"]["total_bytes"] > cells["rank=4"]["memory"]["total_bytes"]
    absent = cells["model=absent"]
    assert "absent" in absent["error"] and absent["seconds"] is None and "reason" in absent["memory"]
    told = invoke("study", study, "--dry-run")
    assert "model=absent cannot begin" in told.err and "2 of 3 cells are left to train" in told.err
