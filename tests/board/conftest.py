"""Folders of runs, the board over them, and who asks: a client without a network, or one Chromium for all tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright
from starlette.testclient import TestClient

from doubles.board_runs import HELD_AFTER, LOST, REAL, A, B, write_a_thousand, write_runs
from doubles.browser import Watched, find_chromium, watch
from doubles.compared import write_run
from doubles.real_runs import diverged_run, finished_run, run_in_progress
from doubles.served import served
from loralab.board import RunIndex, make_app


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


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for all tests of a file; while it is open, nothing else in this process may have an event loop."""
    program = find_chromium()
    with sync_playwright() as playwright:
        # Chromium's own sandbox needs rights that containers lack; the pages are ours
        opened = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Iterator[Path]:
    """Made runs, and runs that were really trained, of which one is not over."""
    folder = write_runs(tmp_path_factory.mktemp("browser") / "runs")
    for name, values in ((A, [0.0, 1.0, 1.0, 0.0]), (B, [1.0, 1.0, 1.0, 0.0])):
        write_run(folder / name, {"heldout/exact_match": values}, losses=[3 - 0.1 * i for i in range(20)])
    finished_run(folder, tiny_model)
    diverged_run(folder, tiny_model)
    with run_in_progress(folder, tiny_model, HELD_AFTER) as (going, _):
        assert sorted(path.name for path in folder.iterdir())[-3:] == [REAL, LOST, going.name]
        yield folder


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    with served(folder) as address:
        yield address


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The addresses of a board over an empty folder and of one over a thousand runs."""
    full = write_a_thousand(tmp_path_factory.mktemp("thousand"))
    with served(tmp_path_factory.mktemp("empty")) as empty, served(full) as thousand:
        yield {"empty": empty, "thousand": thousand}


@pytest.fixture
def watched(browser: Browser, address: str) -> Iterator[Watched]:
    found = watch(browser, address)
    yield found
    found.page.context.close()
    found.check()
