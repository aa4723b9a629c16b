"""The table of runs: a row for each folder, up to date when a run changes, right for a thousand of them."""

from __future__ import annotations

import math
import shutil
import statistics
from pathlib import Path

import pytest

from doubles.board_runs import CUT, DIVERGED, LAW, STRANGE
from doubles.made_run import ENDINGS, Recipe
from loralab.board import index as index_module
from loralab.board.index import RunIndex
from loralab.board.live import LiveRecord
from loralab.board.summary import Summary, spark, summarise
from loralab.report.facts import cost, speeds_of
from loralab.run.files import dump_json
from loralab.run.folder import RunFolder
from loralab.run.view import Run, open_run


def test_each_run_has_its_row_the_newest_first(index: RunIndex) -> None:
    rows, pending = index.table()
    assert pending == 0
    assert [(row.id, row.status, row.steps, row.planned) for row in rows] == [
        (STRANGE, "finished", 5, 5), (CUT, "interrupted", 30, 30), (DIVERGED, "failed", 50, 50), (LAW, "finished", 60, 60),
    ]  # fmt: skip


def test_a_row_says_what_the_report_says(index: RunIndex, runs: Path) -> None:
    row = next(row for row in index.table()[0] if row.id == LAW)
    run = open_run(runs / LAW)
    assert row.headline is not None
    assert row.headline.first == run.scores("before")["heldout"]["loss"]
    assert row.headline.last == run.scores("after")["heldout"]["loss"]
    assert (row.headline.stages, row.headline.lower_is_better) == (("before", "after"), True)
    assert row.seconds == 1746.0 and ("Wall time", "29 min 6 s") in cost(run, "en")
    assert row.peak_bytes == 21_474_836_480
    assert row.tokens_per_second == statistics.median(speeds_of(run))


def test_the_headline_is_what_the_adapter_was_chosen_by(tmp_path: Path) -> None:
    recipe = Recipe(num_steps=2)
    run = recipe.write(tmp_path / "0001-a")
    config = run.folder.config.read_text().replace("best_by: heldout_loss", "best_by: rouge_l")
    run.folder.config.write_text(config)
    line = summarise(open_run(tmp_path / "0001-a")).headline
    assert line is not None and (line.task, line.metric) == ("heldout", "rouge_l")


def test_rows_follow_their_runs(tmp_path: Path) -> None:
    run = Recipe(num_steps=2, ending="").write(tmp_path / "0001-a")
    index = RunIndex(tmp_path)
    assert index.table() == ([], 1)
    index.look()
    assert [row.status for row in index.table()[0]] == ["stale"]
    with run.folder.events.open("a") as stream:
        stream.write(dump_json({"seq": 99, "time": "2026-11-25T04:00:00Z", **ENDINGS["finished"]}) + "\n")
    Recipe(num_steps=1).write(tmp_path / "0002-b")
    index.look()
    assert [(row.id, row.status) for row in index.table()[0]] == [
        ("0002-b", "finished"),
        ("0001-a", "finished"),
    ]
    shutil.rmtree(tmp_path / "0001-a")
    index.look()
    assert [row.id for row in index.table()[0]] == ["0002-b"]


def test_a_thousand_runs_have_a_thousand_right_rows(tmp_path: Path) -> None:
    Recipe(num_steps=1).write(tmp_path / "0001-a")
    for number in range(2, 1001):
        folder = tmp_path / f"{number:04d}-copy"
        folder.mkdir()
        (folder / "manifest.json").write_text('{"format": 1}')
        ending = dump_json(
            dict(
                ENDINGS[("finished", "failed", "interrupted")[number % 3]], seq=0, time="2026-11-25T04:00:00Z"
            )
        )
        (folder / "events.jsonl").write_text(ending + "\n")
    index = RunIndex(tmp_path)
    index.look()
    rows, pending = index.table()
    assert (len(rows), pending) == (1000, 0)
    statuses = {row.id: row.status for row in rows}
    assert [statuses[f"{n:04d}-copy"] for n in (2, 3, 4, 1000)] == [
        "interrupted",
        "finished",
        "failed",
        "failed",
    ]


def test_only_runs_are_opened(index: RunIndex) -> None:
    assert index.open(LAW) is not None
    for name in ("..", "", ".", "../x", "/etc", f"{LAW}/data", "nothing"):
        assert index.open(name) is None


@pytest.mark.parametrize("losses", [[], [1.0], [math.nan] * 9, [math.inf, 1.0]])
def test_too_few_losses_have_no_curve(losses: list[float]) -> None:
    assert spark(losses) == ""


def test_a_small_curve_breaks_at_what_is_not_finite() -> None:
    assert spark([3.0, 2.0, math.nan, 1.0, 0.5]).count("M") == 2


def test_a_record_is_read_once_for_the_table_and_for_a_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that was opened while the table was made read a long record a second time."""
    Recipe(num_steps=5).write(tmp_path / "0001-a")
    made: list[str] = []
    index = RunIndex(tmp_path)

    def counted(folder: RunFolder) -> LiveRecord:
        made.append(folder.path.name)
        return LiveRecord(folder)

    def summarise_while_a_page_is_opened(run: Run) -> Summary:
        opened = index.open(run.id)
        assert opened is not None and opened.record is run.record
        return summarise(run)

    monkeypatch.setattr(index_module, "LiveRecord", counted)
    monkeypatch.setattr(index_module, "summarise", summarise_while_a_page_is_opened)
    index.look()
    assert (made, index.table()[0][0].steps) == (["0001-a"], 5)
