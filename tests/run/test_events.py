"""The record: seq without gaps, JSON without NaN, torn ends recognised, later steps in force."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loralab.errors import ResourceError
from loralab.run import events
from loralab.run.events import EventWriter, Record, read_events

NON_FINITE = [(float("nan"), "NaN"), (float("inf"), "Infinity"), (float("-inf"), "-Infinity")]


def strict(line: str) -> Any:
    """Parse JSON that has no NaN or Infinity."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return json.loads(line, parse_constant=refuse)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


def seqs(path: Path) -> list[int]:
    return [e["seq"] for e in read_events(path).events]


def test_events_come_back_in_order_with_number_and_time(path: Path) -> None:
    writer = EventWriter(path)
    returned = [writer.append("step", step=1, loss=0.5), writer.append("note", message="好")]
    writer.close()
    record = read_events(path)
    assert list(record.events) == returned and record.torn_bytes == 0
    assert seqs(path) == [0, 1]
    assert all(len(e["time"]) == 24 and e["time"].endswith("Z") for e in record.events)
    assert "好" in path.read_text("utf-8")


def test_numbers_that_are_not_finite_become_strings(path: Path) -> None:
    writer = EventWriter(path)
    for value, _ in NON_FINITE:
        writer.append("step", loss=value, nested={"values": [value, (value,)]})
    writer.close()
    events = [strict(line) for line in path.read_text("utf-8").splitlines()]
    assert [e["loss"] for e in events] == [name for _, name in NON_FINITE]
    assert [e["nested"]["values"] for e in events] == [[name, [name]] for _, name in NON_FINITE]


@given(st.lists(st.text(st.characters(exclude_categories=()), max_size=20), min_size=1, max_size=5))
@settings(max_examples=40, deadline=None)
def test_any_text_is_one_line_and_comes_back(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    """Line breaks of every kind, and lone surrogates, which UTF-8 cannot hold."""
    path = tmp_path_factory.mktemp("texts") / "events.jsonl"
    writer = EventWriter(path)
    for text in texts:
        writer.append("note", message=text)
    writer.close()
    assert path.read_bytes().count(b"\n") == len(texts)
    assert [e["message"] for e in read_events(path).events] == texts


@pytest.mark.parametrize(
    "torn", [b"{", b'{"seq": 2, "kind": "note"}', '{"seq": 2, "kind": "被'.encode()[:-1], b"\xff\xfe"]
)
def test_a_torn_last_line_is_passed_over_and_cut_off_by_the_next_writer(path: Path, torn: bytes) -> None:
    writer = EventWriter(path)
    writer.append("run_started")
    writer.append("note")
    writer.close()
    whole = path.read_bytes()
    path.write_bytes(whole + torn)
    record = read_events(path)
    assert len(record.events) == 2 and record.torn_bytes == len(torn)
    writer = EventWriter(path)
    assert writer.torn_bytes == len(torn)
    writer.append("run_resumed", from_step=0)
    writer.close()
    assert path.read_bytes().startswith(whole) and seqs(path) == [0, 1, 2]
    assert read_events(path).torn_bytes == 0


def test_every_cut_of_a_file_reads_as_its_whole_lines(path: Path) -> None:
    writer = EventWriter(path)
    for index in range(3):
        writer.append("note", message=f"条目 {index}")
    writer.close()
    data = path.read_bytes()
    for size in range(len(data) + 1):
        path.write_bytes(data[:size])
        assert seqs(path) == list(range(data[:size].count(b"\n")))


def test_lines_that_are_no_events_are_passed_over_and_counted(path: Path) -> None:
    lines = ['{"seq": 0, "kind": "a"}', "", "garbage", "[1]", '{"kind": "no seq"}', '{"seq": 1, "kind": "b"}']
    path.write_text("\n".join([*lines, "[" * 100_000]) + "\n", "utf-8")
    assert seqs(path) == [0, 1] and read_events(path).damaged_lines == 4
    writer = EventWriter(path)
    assert writer.damaged_lines == 4
    writer.close()


def test_a_writer_sees_that_its_file_was_moved_or_deleted(path: Path) -> None:
    writer = EventWriter(path)
    assert writer.is_in_place()
    path.rename(path.with_name("moved"))
    assert not writer.is_in_place()
    path.write_text("", "utf-8")
    assert not writer.is_in_place(), "another file at the same place"
    writer.close()


def test_a_clock_that_is_set_back_changes_no_order(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter(["2026-11-25T03:00:02.000Z", "2026-11-25T02:00:00.000Z", "1970-01-01T00:00:00.000Z"])
    monkeypatch.setattr(events, "utc_now", lambda: next(times))
    writer = EventWriter(path)
    for step in range(3):
        writer.append("step", step=step)
    writer.close()
    assert [(e["seq"], e["step"]) for e in read_events(path).events] == [(0, 0), (1, 1), (2, 2)]


def test_an_absent_file_has_no_events(path: Path) -> None:
    assert read_events(path) == Record(())


def test_threads_do_not_tear_each_others_lines(path: Path) -> None:
    writer = EventWriter(path)

    def write(name: str) -> None:
        for index in range(50):
            writer.append("step", who=name, step=index)

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    assert seqs(path) == list(range(200))


def syncs_of(path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[EventWriter], None]) -> int:
    writer = EventWriter(path)
    calls = [0]
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: calls.__setitem__(0, calls[0] + 1) or real(fd))
    write(writer)
    monkeypatch.undo()
    writer.close()
    return calls[0]


def test_all_but_steps_are_on_disk_when_append_returns(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert syncs_of(path, monkeypatch, lambda w: [w.append("prediction"), w.append("note")]) == 2  # type: ignore[arg-type,return-value]


def test_steps_are_on_disk_within_a_second(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(writer: EventWriter) -> None:
        for _ in range(5):
            writer.append("step")
        writer._last_fsync -= 1.0
        writer.append("step")

    assert syncs_of(path, monkeypatch, write) == 1


def test_a_full_disk_leaves_whole_lines_and_no_gap(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = EventWriter(path)
    writer.append("run_started")
    real = os.write
    pieces = iter([lambda fd, data: real(fd, data[:7]), None])

    def full(fd: int, data: bytes) -> int:
        piece = next(pieces)
        if piece is None:
            raise OSError(28, "No space left on device")
        return piece(fd, data)

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(ResourceError, match="No space left on device") as caught:
        writer.append("note")
    assert caught.value.exit_code == 4 and str(path) in str(caught.value)
    monkeypatch.undo()
    assert read_events(path).torn_bytes == 0
    writer.append("note")
    writer.close()
    assert seqs(path) == [0, 1]


def steps_of(*events: tuple[str, int]) -> list[tuple[int, int]]:
    """(step, seq) in force after events that are a step, or a resume from a step."""
    made = [
        {"seq": i, "kind": "run_resumed", "from_step": n}
        if kind == "resumed"
        else {"seq": i, "kind": kind, "step": n}
        for i, (kind, n) in enumerate(events)
    ]
    return [(e["step"], e["seq"]) for e in Record(tuple(made)).steps()]


def test_after_a_resume_the_later_event_of_a_step_counts() -> None:
    events = [("step", 1), ("step", 2), ("step", 3), ("resumed", 1), ("step", 2), ("step", 3), ("step", 4)]
    assert steps_of(*events) == [(1, 0), (2, 4), (3, 5), (4, 6)]
    assert steps_of(("step", 1), ("step", 2), ("resumed", 1)) == [(1, 0)]
    assert steps_of(("step", 1), ("resumed", 0), ("resumed", 0), ("step", 1)) == [(1, 3)]


def test_held_out_events_follow_the_same_rule() -> None:
    events = (
        {"seq": 0, "kind": "held_out", "step": 0, "loss": 3.0}, {"seq": 1, "kind": "held_out", "step": 5, "loss": 2.0},
        {"seq": 2, "kind": "run_resumed", "from_step": 4}, {"seq": 3, "kind": "held_out", "step": 5, "loss": 2.5},
        {"seq": 4, "kind": "held_out", "step": 5, "loss": 2.6},
    )  # fmt: skip
    assert [(e["step"], e["loss"]) for e in Record(events).held_out()] == [(0, 3.0), (5, 2.6)]
