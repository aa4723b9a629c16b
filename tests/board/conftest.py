"""A folder of made runs, the application over it, and a client that asks as a browser on this machine does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from doubles.made_run import STAGES, Recipe, make_predictions
from loralab.board import RunIndex, make_app

HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(2)> \x1b[31mred\x1b[0m \u202eevil & \"quotes\" 'single'\n"
    "[a](javascript:alert(3)) </textarea></title>"
)
LAW, DIVERGED, CUT, STRANGE = "0001-law", "0002-diverged", "0003-cut", "0004-strange"


def write_runs(folder: Path) -> Path:
    """A finished run, a diverged one, an interrupted one, one whose texts are hostile."""
    Recipe(num_steps=60).write(folder / LAW)
    Recipe(num_steps=50, ending="failed", lost=(20, 21, 22, 49, 50)).write(folder / DIVERGED)
    Recipe(num_steps=30, ending="interrupted").write(folder / CUT)
    texts = {
        stage: [dict(row, answer=HOSTILE + stage, question=HOSTILE) for row in make_predictions(stage)]
        for stage in STAGES
    }
    Recipe(num_steps=5, predictions=texts).write(folder / STRANGE)
    return folder


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Read only: write runs of your own to change them."""
    return write_runs(tmp_path_factory.mktemp("board") / "runs")


@pytest.fixture
def index(runs: Path) -> RunIndex:
    """The index, with every run looked at."""
    found = RunIndex(runs)
    found.look()
    return found


@pytest.fixture
def client(index: RunIndex) -> Iterator[TestClient]:
    """Asks the application without a network."""
    with TestClient(make_app(index), base_url="http://127.0.0.1:8765") as client:
        yield client
