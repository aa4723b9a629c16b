"""Events in, marks out to a writer of a tracker, which always begins with the history in force.

A mirror that joins late, or whose run is resumed, is filled from events.jsonl up to the first event that
it is given, so that what it wrote last is whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol

from loralab.run.events import Event, read_events
from loralab.track.curves import Curves, Mark, clean, in_force


class Writer(Protocol):
    """One run in a tracker, being written."""

    def write(self, mark: Mark, when: str | None) -> None:
        """Take one mark; `when` is the time of its event if that was long ago, else None."""

    def end(self, status: str, error: str) -> None:
        """Finish; `status` is finished, failed or interrupted, `error` says why it is not finished."""


Begin = Callable[[Sequence[Event]], Writer]


class Follower:
    """Follows one stream of events; `begin` makes a writer, given the events up to then."""

    def __init__(self, events: Path, begin: Begin) -> None:
        self._events, self._begin = events, begin
        self._curves = Curves()
        self._error = ""
        self.writer: Writer | None = None

    def take(self, event: Event) -> None:
        """Mirror one event."""
        if event["kind"] == "run_failed":
            self._error = str(event.get("error") or "")
        if self.writer is None or event["kind"] == "run_resumed":
            earlier = [e for e in read_events(self._events).events if e["seq"] < event.get("seq", 0)]
            self._replay([*earlier, event], f"resumed from step {event.get('from_step')}")
        else:
            self._write(self._curves.take(event), None)

    def replay(self) -> None:
        """Mirror all of events.jsonl."""
        self._replay(read_events(self._events).events, "")

    def finish(self, status: str) -> None:
        """Write what is held and let the tracker finish."""
        if self.writer is not None:
            self._write(self._curves.rest(), None)
            self.writer.end(status, clean(self._error or f"run {status}"))

    def _replay(self, events: Sequence[Event], reason: str) -> None:
        """Write the history in force. Trackers keep the first value of a step, so this needs a writer of its own."""
        if self.writer is not None:
            self.writer.end("interrupted", reason)
        self.writer, self._curves = self._begin(events), Curves()
        for event in in_force(events):
            self._write(self._curves.take(event), event.get("time"))

    def _write(self, marks: Iterable[Mark], when: str | None) -> None:
        assert self.writer is not None
        for mark in marks:
            self.writer.write(mark, when)
