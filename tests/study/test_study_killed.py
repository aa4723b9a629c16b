"""A small `python -m studies kills`: a study of real cells, killed with its trainer, ends as one that was left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from doubles.forked_command import fork_commands
from studies.in_process import train_here
from studies.kills import Blow, play
from studies.processes import Command
from studies.study_files import write_models, write_study


@pytest.mark.timeout(1200)  # minutes on a machine that others use
def test_a_study_that_is_killed_with_its_trainer_ends_as_an_uninterrupted_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The study and its trainers are forks: each imports nothing again."""
    fork_commands(monkeypatch, "studies.processes", "loralab.study.train_cell")
    file = write_study(tmp_path, write_models(tmp_path / "models"), steps=2, save_every=1)
    whole = train_here(file, tmp_path / "whole")
    blow = Blow(0.4, 0.0, with_trainer=True)  # in the second of four cells
    outcome = play(Command(file, tmp_path / "killed"), whole, [blow])
    assert outcome.is_well, outcome
    assert outcome.landed == [blow] and outcome.untouched > 0
    assert sorted(cell.attempts for cell in outcome.cells) == [1, 1, 1, 2]
