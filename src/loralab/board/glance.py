"""A long events.jsonl in, some hundred of its steps out, evenly spread over the file; the rest is not read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from loralab.run.events import Event, parse_event
from loralab.run.step_columns import StepColumns

PLACES = 400
END_BYTES = 1 << 16
LONGEST_LINE = 4096  # bytes; the line of a step has about 300


def glance(path: Path, places: int = PLACES) -> StepColumns:
    """The step at each place that has one, and those near the end. Of steps that were done again the later ones count.

    Raises OSError if the file cannot be read.
    """
    steps = StepColumns()
    with path.open("rb") as stream:
        for line in _lines(stream, places):
            event = parse_event(line) if line.endswith(b"\n") else None
            if event is not None and event["kind"] == "step":
                steps.append(event)
    return steps


def _lines(stream: BinaryIO, places: int) -> Iterator[bytes]:
    """The first whole line after each place, then those near the end."""
    size = stream.seek(0, os.SEEK_END)
    for place in range(places):
        stream.seek(size * place // places)
        if place:
            stream.readline(LONGEST_LINE)  # the end of a line
        yield stream.readline(LONGEST_LINE)
    stream.seek(max(0, size - LONGEST_LINE))
    yield from stream.read(LONGEST_LINE).splitlines(keepends=True)[1:]


def last_events(path: Path) -> tuple[Event, ...]:
    """The events near the end of the file, which tell whether the run has ended and how; none where there is no file."""
    if not path.is_file():
        return ()
    with path.open("rb") as stream:
        stream.seek(max(0, stream.seek(0, os.SEEK_END) - END_BYTES))
        lines = stream.read(END_BYTES).split(b"\n")
    return tuple(event for line in lines[1:-1] if (event := parse_event(line)) is not None)
