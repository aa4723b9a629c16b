"""The curves that a browser gets: the numbers of events.jsonl, no peak lost, gaps where a number is not finite."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from doubles.board_runs import DIVERGED, LAW
from doubles.made_run import Recipe, number_events
from loralab.board.curves import Window, curves
from loralab.board.live import LiveRecord
from loralab.run.events import Record
from loralab.run.files import dump_json
from loralab.run.folder import RunFolder
from loralab.run.step_columns import StepColumns
from loralab.run.view import Run, open_run


def charts_of(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {chart["key"]: chart for chart in found["charts"]}


def test_each_point_is_that_of_its_event(client: TestClient, runs: Path) -> None:
    record = open_run(runs / LAW).record
    charts = charts_of(client.get(f"/run/{LAW}/curves").json())
    assert set(charts) == {"loss", "gradient", "rate", "speed", "memory"}
    loss, mean, held = charts["loss"]["lines"]
    assert (loss["style"], mean["style"], held["style"]) == ("each", "mean", "held")
    assert loss["x"] == [event["step"] for event in record.steps()]
    assert loss["y"] == [event["loss"] for event in record.steps()]
    assert list(zip(held["x"], held["y"], strict=True)) == [(e["step"], e["loss"]) for e in record.held_out()]
    assert charts["rate"]["lines"][0]["y"] == [event["learning_rate"] for event in record.steps()]


def test_what_is_not_finite_is_a_gap(client: TestClient) -> None:
    line = charts_of(client.get(f"/run/{DIVERGED}/curves").json())["loss"]["lines"][0]
    assert [x for x, y in zip(line["x"], line["y"], strict=True) if y is None] == [20, 21, 22, 49, 50]
    assert line["gaps"] == [[20, 22], [49, 50]]


@pytest.mark.parametrize("axis", ["step", "epoch", "time"])
def test_x_never_falls(client: TestClient, axis: str) -> None:
    for chart in client.get(f"/run/{LAW}/curves", params={"axis": axis}).json()["charts"]:
        for line in chart["lines"]:
            assert line["x"] == sorted(line["x"]) and len(line["x"]) == len(line["y"])


def test_a_window_holds_its_part_and_a_point_beyond_each_end(client: TestClient) -> None:
    found = client.get(f"/run/{LAW}/curves", params={"low": 10, "high": 20}).json()
    assert charts_of(found)["loss"]["lines"][0]["x"] == list(range(9, 22))


@pytest.mark.parametrize("asked", ["low=x", "high=NaN", "axis=none", "low=5&high=1"])
def test_what_makes_no_sense_is_not_an_error(client: TestClient, asked: str) -> None:
    assert client.get(f"/run/{LAW}/curves?{asked}").status_code == 200


@given(
    st.lists(st.one_of(st.floats(-1e6, 1e6), st.just(math.nan)), min_size=1, max_size=400), st.integers(1, 40)
)
def test_few_points_keep_every_peak_and_every_gap(losses: list[float], buckets: int) -> None:
    steps = StepColumns()
    for step, loss in enumerate(losses, 1):
        steps.append({"step": step, "loss": loss})
    line = charts_of(curves(Record((), kept_steps=steps), Window(buckets=buckets), "en"))["loss"]["lines"][0]
    finite = [loss for loss in losses if math.isfinite(loss)]
    shown = [y for y in line["y"] if y is not None]
    if finite:
        assert (min(shown), max(shown)) == (min(finite), max(finite))
    assert line["y"].count(None) == len(losses) - len(finite)
    assert len(shown) <= max(4 * buckets, 4)


def test_epochs_begin_at_marks(client: TestClient) -> None:
    for axis, place in (("step", 30.5), ("epoch", 1.5)):
        assert client.get(f"/run/{LAW}/curves", params={"axis": axis}).json()["marks"] == [[place, "epoch 2"]]


def test_steps_that_were_done_again_count_once(tmp_path: Path) -> None:
    recipe = Recipe(num_steps=10, ending="interrupted")
    events = [*recipe.events(), {"kind": "run_resumed", "from_step": 6}]
    events += [{"kind": "step", "step": step, "loss": 100.0 + step} for step in (7, 8)]
    run = recipe.write(tmp_path / "0001-a")
    lines = "".join(dump_json(event) + "\n" for event in number_events(iter(events)))
    run.folder.events.write_text(lines)
    live = LiveRecord(RunFolder(tmp_path / "0001-a")).now()
    whole = open_run(tmp_path / "0001-a").record
    assert (
        [row["step"] for row in live.steps()]
        == [event["step"] for event in whole.steps()]
        == list(range(1, 9))
    )
    assert [row["loss"] for row in live.steps()][-2:] == [107.0, 108.0]
    assert Run(RunFolder(tmp_path / "0001-a"), live).status == open_run(tmp_path / "0001-a").status
