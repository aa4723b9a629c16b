"""Lines of events.jsonl in, the event of each out; lines of steps are parsed many at a time, as one document."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence

from loralab.run.events import Event, parse_event

BEGIN, STEP, END = b'{"seq": ', b'"kind": "step"', b"}"


def parse_lines(lines: Sequence[bytes]) -> Iterator[Event | None]:
    """The event on each line, or None where there is none: what `parse_event` gives for it."""
    for are_steps, group in itertools.groupby(lines, _looks_like_a_step):
        alike = list(group)
        yield from _parse_together(alike) if are_steps else map(parse_event, alike)


def _looks_like_a_step(line: bytes) -> bool:
    return line.startswith(BEGIN) and line.endswith(END) and STEP in line


def _parse_together(lines: Sequence[bytes]) -> Sequence[Event | None]:
    """With a brace at each end and no bracket between, a line that is no object cannot become one beside others:
    the next line's `{"` is an error wherever the one before it left off."""
    joined = b",".join(lines)
    is_flat = joined.count(b"{") == joined.count(b"}") == len(lines) and b"[" not in joined
    try:
        events: list[Event] = json.loads(b"[%b]" % joined) if is_flat else []
    except (ValueError, RecursionError):
        events = []
    return events if len(events) == len(lines) else [parse_event(line) for line in lines]
