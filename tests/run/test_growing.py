"""A record that is read as it grows: every event once, torn lines wait, another file is read from its start."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loralab.run.events import EventWriter, read_events
from loralab.run.growing import TAIL_BYTES, GrowingEvents


def line(seq: int, **fields: Any) -> bytes:
    return (json.dumps({"seq": seq, "kind": "step", **fields}, ensure_ascii=False) + "\n").encode()


def seqs(growing: GrowingEvents) -> list[int]:
    return [event["seq"] for event in growing.take()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


LINES = st.lists(
    st.one_of(
        st.builds(lambda n, text: line(n, text=text), st.integers(0, 99), st.text(max_size=20)),
        st.sampled_from([b"{broken\n", b"\n", b"\xff\xfe\n", b"[]\n"]),
    ),
    max_size=12,
)


@settings(max_examples=40)
@given(lines=LINES, torn=st.binary(max_size=9), data=st.data())
def test_pieces_of_any_length_give_what_the_whole_gives(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], torn: bytes, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("grow") / "events.jsonl"
    content = b"".join(lines) + torn.replace(b"\n", b"")
    cuts = sorted(data.draw(st.lists(st.integers(0, len(content)), max_size=6)))
    growing, taken = GrowingEvents(path), []
    for cut in [*cuts, len(content)]:
        path.write_bytes(content[:cut])
        taken += growing.take_placed()
    whole = read_events(path)
    assert tuple(event for _, event in taken) == whole.events
    assert (growing.torn_bytes, growing.damaged_lines) == (whole.torn_bytes, whole.damaged_lines)
    assert growing.restarts == 0
    for offset, event in taken:
        assert json.loads(content[offset:].split(b"\n")[0]) == event


def test_a_file_that_is_not_there_yet_has_no_events(path: Path) -> None:
    growing = GrowingEvents(path)
    assert growing.take() == []
    path.write_bytes(line(0))
    assert seqs(growing) == [0] and growing.take() == []
    path.unlink()
    assert growing.take() == [] and growing.restarts == 0


def test_a_torn_line_waits_until_it_is_whole(path: Path) -> None:
    growing, whole = GrowingEvents(path), line(1, text="好")
    path.write_bytes(line(0) + whole[:-3])
    assert seqs(growing) == [0] and growing.torn_bytes == len(whole) - 3
    path.write_bytes(line(0) + whole)
    assert seqs(growing) == [1] and growing.torn_bytes == 0 and growing.offset == path.stat().st_size


def test_a_torn_line_that_the_next_writer_cuts_off_is_no_restart(path: Path) -> None:
    writer = EventWriter(path)
    writer.append("run_started")
    writer.close()
    with path.open("ab") as stream:
        stream.write(b'{"seq": 1, "ki')
    growing = GrowingEvents(path)
    assert seqs(growing) == [0]
    writer = EventWriter(path)
    writer.append("run_resumed", from_step=0)
    writer.close()
    assert seqs(growing) == [1] and growing.restarts == 0


@pytest.mark.parametrize(
    "content",
    [b"", line(0), line(7, text="x" * 99), line(7) + line(8) + line(9), line(0) + line(7) + line(2)],
    ids=["emptied", "shortened", "longer", "other lines", "same length"],
)
def test_another_file_in_its_place_is_read_from_its_start(path: Path, content: bytes) -> None:
    growing = GrowingEvents(path)
    path.write_bytes(line(0) + line(1) + line(2))
    assert seqs(growing) == [0, 1, 2]
    path.write_bytes(content)
    assert tuple(growing.take()) == read_events(path).events
    assert growing.restarts == 1 and growing.offset == len(content)
    assert growing.take() == [] and growing.restarts == 1


def test_a_fresh_copy_of_the_same_lines_and_more_goes_on(path: Path, tmp_path: Path) -> None:
    """A run folder that is mirrored from another machine is a new file each time."""
    growing, first = GrowingEvents(path), line(0, text="x" * 2 * TAIL_BYTES)
    path.write_bytes(first)
    assert seqs(growing) == [0]
    copy = tmp_path / "copy"
    copy.write_bytes(first + line(1))
    copy.replace(path)
    assert seqs(growing) == [1] and growing.restarts == 0


def test_a_file_may_be_taken_in_pieces(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loralab.run.growing.PIECE_BYTES", 10)
    path.write_bytes(line(0) + b"\n\n{broken\n" + line(1) + line(2)[:-1])
    growing = GrowingEvents(path)
    pieces = [[event["seq"] for event in growing.take_some()] for _ in range(4)]
    assert pieces == [[0], [1], [], []]


def test_a_file_that_may_not_be_read_is_an_error(path: Path) -> None:
    path.mkdir()
    with pytest.raises(OSError):
        GrowingEvents(path).take()
