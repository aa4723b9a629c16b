"""Lines that are parsed together give what each gives alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loralab.run import step_lines
from loralab.run.events import parse_event
from loralab.run.step_lines import parse_lines


def step(seq: int, **fields: Any) -> bytes:
    return json.dumps(
        {"seq": seq, "time": "2026-11-25T03:01:02.345Z", "kind": "step", "step": seq, **fields}
    ).encode()


# lines that are whole only beside each other, or are more than one event, or none
ODD = [
    b'{"seq": 1, "kind": "step", "a": [{"b": 1}', b'{"seq": 2, "kind": "step"}]}',
    b'{"seq": 3, "kind": "step", "a": "}', b'{"seq": 4, "kind": "step", ": 1}', b'{"seq": 5, "kind": "step", "a": "\\}',
    b'{"seq": 6, "kind": "step"}, {"seq": 7, "kind": "step"}', b'{"seq": 8, "kind": "step", "loss": NaN}',
    b'{"seq": 9, "kind": "step"', b'"kind": "step"}', b'{"seq": 10, "kind": "step", "a": "\xff"}',
    b'{"seq": 11, "kind": "step", "a": 01}', b'{"seq": 12, "kind": "step", "kind": "note"}', b'{"seq": 13, "kind": "step", }',
    b'{"seq": 14, "kind": "step", "a": {"b": 1}}', b'{"seq": 15, "text": "\\"kind\\": \\"step\\""}', b"", b"[]", b"{}", b"}", b"{",
    b'{"seq": 16, "kind": "step", "a": ' + b"9" * 5000 + b"}", b'{"seq": 17, "kind": "step", "loss": "NaN"}',
]  # fmt: skip
LINES = st.one_of(
    st.builds(lambda seq, loss: step(seq, loss=loss), st.integers(0, 99), st.floats(allow_nan=False)),
    st.sampled_from(ODD),
    st.builds(lambda line, end: line[:end], st.sampled_from(ODD), st.integers(0, 40)),
)


@settings(max_examples=300)
@given(st.lists(LINES, max_size=12))
def test_lines_give_what_each_gives_alone(lines: list[bytes]) -> None:
    assert repr(list(parse_lines(lines))) == repr([parse_event(line) for line in lines])


def test_every_pair_of_odd_lines_gives_what_each_gives_alone() -> None:
    for one in ODD:
        for other in ODD:
            lines = [step(1), one, other, step(2)]
            assert repr(list(parse_lines(lines))) == repr([parse_event(line) for line in lines])


def test_steps_are_parsed_as_one_document(monkeypatch: pytest.MonkeyPatch) -> None:
    alone: list[bytes] = []
    monkeypatch.setattr(step_lines, "parse_event", lambda line: alone.append(line) or parse_event(line))
    note = b'{"seq": 0, "kind": "note", "message": "a"}'
    events = list(parse_lines([note, *(step(seq, loss=2.5) for seq in range(1, 500)), note]))
    assert [event["seq"] for event in events if event] == [0, *range(1, 500), 0]
    assert alone == [note, note]
