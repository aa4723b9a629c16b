"""A study of a real cell, killed with its trainer in the middle: it goes on and ends as if nothing had happened."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from doubles.command import invoke, start, wait_until
from doubles.job_files import write_job
from doubles.same_run import differences
from loralab import api
from loralab.config import load_config
from loralab.run.view import Run, list_runs

CELLS = "cells: [{lora.rank: 4}]\nprice: {device_hour: 2, currency: EUR}\n"


@pytest.fixture
def study(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study of one cell that takes a second, beside its base."""
    monkeypatch.chdir(tmp_path)
    write_job(tmp_path, tiny_model)
    path = tmp_path / "ranks.yaml"
    path.write_text(f"base: job.yaml\n{CELLS}", "utf-8")
    return path


def runs(folder: Path) -> list[Run]:
    return [run for cell in sorted(folder.glob("cells/*")) for run in list_runs(cell)]


@pytest.mark.timeout(
    600
)  # three processes load torch, which takes half a minute each on a machine that others use
def test_a_study_that_is_killed_with_its_trainer_ends_as_an_uninterrupted_one(study: Path) -> None:
    folder = study.parent / "studies" / "ranks"
    process = start("study", study, cwd=study.parent)
    wait_until(lambda: any(run.record.of_kind("checkpoint") for run in runs(folder)), process)
    trainer = json.loads((runs(folder)[0].folder.lock).read_text())["pid"]
    process.kill()
    os.kill(trainer, signal.SIGKILL)
    process.communicate()
    while runs(folder)[0].status == "running":  # the system takes a moment to end it
        time.sleep(0.01)
    assert [run.status for run in runs(folder)] == ["stale"]
    said = invoke("study", study, "--json")
    assert said.code == 0, said.err
    found = json.loads(said.out)
    (killed,) = runs(folder)
    assert killed.record.of_kind("run_resumed") and found["counts"]["finished"] == 1
    whole = api.train(elsewhere(killed, study.parent))
    assert differences(killed, whole) == []
    assert found["recipes"][0]["value"] == whole.scores("after")["heldout"]["loss"]["value"]
    forecast_after(study)


def elsewhere(run: Run, parent: Path):  # type: ignore[no-untyped-def]
    """The config of a cell's run, with its run folder in another place."""
    config = load_config(run.folder.config)
    return replace(config, run=replace(config.run, dir=str(parent / "whole")))


def forecast_after(study: Path) -> None:
    """The pace of finished cells gives the time of a new one, and what cannot begin or does not fit is said."""
    shutil.copy(study, study.with_name("more.yaml"))
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
