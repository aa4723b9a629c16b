"""A first look at a long record shows steps of it as they are, from all its parts, and the last one."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from doubles.board_runs import LAW
from doubles.made_run import Recipe, make_step, number_events
from loralab.board.glance import LONGEST_LINE, glance, last_events
from loralab.run.events import Record, read_events
from loralab.run.files import dump_json
from loralab.run.view import Run


def write(path: Path, events: list[dict[str, Any]], torn: str = "") -> Path:
    path.write_text("".join(dump_json(event) + "\n" for event in number_events(iter(events))) + torn, "utf-8")
    return path


@given(st.integers(0, 300), st.integers(1, 50), st.integers(0, 200))
def test_each_row_is_that_of_its_event(
    tmp_path_factory: pytest.TempPathFactory, num_steps: int, places: int, torn: int
) -> None:
    path = tmp_path_factory.mktemp("look") / "events.jsonl"
    line = dump_json({"seq": 9999, **make_step(9999, 9999)})
    write(
        path,
        [{"kind": "run_started"}, *(make_step(step, 300) for step in range(1, num_steps + 1))],
        line[:torn],
    )
    losses = {event["step"]: event["loss"] for event in read_events(path).steps()}
    rows = glance(path, places)
    assert [row["loss"] for row in rows] == [losses[row["step"]] for row in rows]
    assert len(rows) <= places + LONGEST_LINE / 150
    assert (len(rows) > 0) == (num_steps > 0)
    if num_steps:
        assert rows[-1]["step"] == num_steps
    if num_steps > 2 * places > 2:
        apart = [b["step"] - a["step"] for a, b in itertools.pairwise(rows)]
        assert max(apart) <= 2 * num_steps / places + 2, "no part of the record is left out"


def test_of_steps_that_were_done_again_the_later_count(tmp_path: Path) -> None:
    again = [{"kind": "step", "step": step, "loss": 100.0 + step} for step in range(21, 41)]
    events = [
        *(make_step(step, 60) for step in range(1, 61)),
        {"kind": "run_resumed", "from_step": 20},
        *again,
    ]
    rows = glance(write(tmp_path / "events.jsonl", events), 500)
    assert [row["step"] for row in rows] == list(range(1, 41))
    assert [row["loss"] for row in rows[20:]] == [100.0 + step for step in range(21, 41)]


def test_the_end_of_the_file_tells_how_the_run_ended(tmp_path: Path) -> None:
    run = Recipe(num_steps=1000, ending="failed").write(tmp_path / "0001-a")
    events = last_events(run.folder.events)
    assert events == run.record.events[-len(events) :] and 0 < len(events) < 1000
    assert Run(run.folder, Record(events)).status == "failed"
    assert last_events(tmp_path / "none") == ()


def test_a_line_without_end_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'{"seq": 0, "kind": "note", "message": "' + b"x" * 100_000 + b'"}\n')
    assert len(glance(path)) == 0


def test_the_page_gets_curves_of_it_without_means_and_marks(client: TestClient) -> None:
    found = client.get(f"/run/{LAW}/glance?axis=epoch").json()
    assert [chart["key"] for chart in found["charts"]] == ["loss", "gradient", "rate", "speed", "memory"]
    assert {line["style"] for chart in found["charts"] for line in chart["lines"]} == {"only"}
    assert (found["marks"], found["steps"]) == ([], 60)


def test_a_run_without_a_record_has_no_first_look(client: TestClient, tmp_path: Path) -> None:
    assert client.get("/run/0009-none/glance").status_code == 404
    run = Recipe(num_steps=1).write(tmp_path / "0001-a")
    run.folder.events.unlink()
    assert client.get("/run/0001-a/glance").status_code == 404
