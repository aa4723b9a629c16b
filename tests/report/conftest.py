"""A made run folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from doubles.made_run import Recipe
from loralab.run.view import Run


@pytest.fixture
def recipe() -> Recipe:
    """The default made run, to be changed by the test."""
    return Recipe()


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """Where a made run goes."""
    folder = tmp_path / "runs" / "0007-law"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def finished(recipe: Recipe, run_folder: Path) -> Run:
    """A run that finished."""
    return recipe.write(run_folder)
