"""A record that grows says what a whole reading would say, in less memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from doubles.made_run import STAGES, Recipe, make_predictions, make_step, number_events
from loralab.board.live import LiveRecord
from loralab.report.answers import stage_rows
from loralab.run.events import read_events
from loralab.run.files import dump_json
from loralab.run.folder import RunFolder
from loralab.run.numbers import to_float
from loralab.run.step_columns import FIELDS
from loralab.run.view import Run


def lines_of(events: list[dict[str, Any]]) -> bytes:
    return "".join(dump_json(event) + "\n" for event in number_events(iter(events))).encode()


# steps, held-out losses and resumes in any order that a run can leave
pieces = st.lists(
    st.one_of(
        st.tuples(st.just("steps"), st.integers(1, 6)), st.tuples(st.just("resume"), st.integers(0, 12))
    ),
    max_size=8,
)


@given(pieces, st.lists(st.floats(0, 1), max_size=6))
def test_however_it_grows_it_ends_as_a_whole_reading(
    tmp_path_factory: Any, made: list[tuple[str, int]], looks: list[float]
) -> None:
    folder = RunFolder(tmp_path_factory.mktemp("run"))
    events: list[dict[str, Any]] = [{"kind": "run_started"}]
    last = 0
    for kind, number in made:
        if kind == "resume":
            last = min(last, number)
            events.append({"kind": "run_resumed", "from_step": last})
        else:
            events += [make_step(step, 20) for step in range(last + 1, last + number + 1)]
            last += number
    data = lines_of(events)
    live = LiveRecord(folder)
    for look in [*sorted(looks), 1.0]:
        folder.events.write_bytes(data[: round(look * len(data))])
        live.now()
    whole = read_events(folder.events)
    assert len(live.now().steps()) == len(whole.steps())
    for row, event in zip(live.now().steps(), whole.steps(), strict=True):
        assert [to_float(row.get(name)) for name in FIELDS] == [to_float(event.get(name)) for name in FIELDS]
        assert {name for name in FIELDS if name in row} == {name for name in FIELDS if name in event}
    assert [e["seq"] for e in live.now().events if e["kind"] != "step"] == [
        e["seq"] for e in whole.events if e["kind"] != "step"
    ]


def test_what_was_told_stays_as_it_was(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.events.write_bytes(lines_of([make_step(step, 9) for step in range(1, 4)]))
    live = LiveRecord(folder)
    earlier = live.now()
    folder.events.write_bytes(lines_of([make_step(step, 9) for step in range(1, 7)]))
    assert (len(live.now().steps()), len(earlier.steps())) == (6, 3)


def test_a_torn_end_is_counted_and_waits(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    data = lines_of([make_step(step, 9) for step in range(1, 4)])
    folder.events.write_bytes(data[:-10])
    live = LiveRecord(folder)
    assert (len(live.now().steps()), live.now().torn_bytes) == (2, len(data.splitlines()[-1]) - 9)
    folder.events.write_bytes(data)
    assert (len(live.now().steps()), live.now().torn_bytes) == (3, 0)


def test_a_file_that_was_replaced_is_read_anew(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.events.write_bytes(lines_of([make_step(step, 9) for step in range(1, 9)]))
    live = LiveRecord(folder)
    live.now()
    folder.events.write_bytes(lines_of([{"kind": "run_started"}, make_step(1, 9)]))
    assert [event["kind"] for event in live.now().events] == ["run_started", "step"]
    folder.events.write_bytes(b"")
    assert (len(live.now().events), len(live.now().steps())) == (0, 0)


def test_answers_of_a_stage_without_a_file_are_kept(tmp_path: Path) -> None:
    recipe = Recipe(num_steps=2, stages=STAGES[:1], ending="running")
    recipe.extra_events = [
        {"kind": "stage_finished", "stage": "before", "seconds": 1.0},
        *({"kind": "prediction", "stage": "epoch-1", **row} for row in make_predictions("epoch-1")),
    ]
    recipe.write(tmp_path)
    run = Run(RunFolder(tmp_path), LiveRecord(RunFolder(tmp_path)).now())
    assert stage_rows(run, "epoch-1").keys() == stage_rows(run, "before").keys() != set()
