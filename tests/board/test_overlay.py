"""Losses over each other: the points of each run's events, by tokens where every run counts them."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from doubles.board_runs import CUT, LAW
from loralab.board.overlay import overlay
from loralab.run.files import dump_json
from loralab.run.view import open_run


@pytest.mark.parametrize("axis", ["tokens", "step"])
def test_each_run_has_its_line(client: TestClient, runs: Path, axis: str) -> None:
    found = client.get("/compare/curves", params=[("run", LAW), ("run", CUT), ("axis", axis)]).json()
    assert (found["axis"], [chart["key"] for chart in found["charts"]]) == (axis, ["train", "held"])
    for chart, name in itertools.product(found["charts"], (LAW, CUT)):
        record = open_run(runs / name).record
        line = next(line for line in chart["lines"] if line["name"] == name)
        steps = list(itertools.accumulate(e["tokens"] for e in record.steps()))
        places = [0, *(steps if axis == "tokens" else range(1, len(steps) + 1))]
        if chart["key"] == "held":
            assert line["y"] == [event["loss"] for event in record.held_out()]
            assert line["x"] == [places[event["step"]] for event in record.held_out()]
        else:
            assert line["x"] == places[1:]


def test_a_run_without_token_counts_is_set_beside_others_by_steps(tmp_path: Path, runs: Path) -> None:
    (tmp_path / "0009-old").mkdir()
    events = [
        {"seq": i, "time": "2026-11-25T03:01:02Z", "kind": "step", "step": i + 1, "loss": 2.0}
        for i in range(3)
    ]
    (tmp_path / "0009-old" / "manifest.json").write_text('{"format": 1}')
    (tmp_path / "0009-old" / "events.jsonl").write_text("".join(dump_json(event) + "\n" for event in events))
    found = overlay([("law", open_run(runs / LAW)), ("old", open_run(tmp_path / "0009-old"))], "tokens", "en")
    assert found["axis"] == "step"
    assert next(line for line in found["charts"][0]["lines"] if line["name"] == "old")["x"] == [1, 2, 3]
