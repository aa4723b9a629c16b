"""Events in, lines of events.jsonl out, and back: the append-only record of a run.

A line is `{"seq", "time", "kind", ...}`. seq has no gaps, also across resumes. Every event but a step is
on disk (fsync) when `append` returns; steps are within a second. A torn last line, left by a kill, is
cut off by the next writer and skipped, with a count, by readers.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loralab.run.files import dump_json, fsync_folder, writing
from loralab.run.numbers import to_float

if TYPE_CHECKING:  # numpy is for those who read very long runs
    from loralab.run.step_columns import StepColumns

FSYNC_SECONDS = 1.0
Event = Mapping[str, Any]


def utc_now() -> str:
    """The time as 2026-11-25T03:01:02.345Z."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True)
class Record:
    """The events of a file, how many bytes of a torn last line were skipped, and how many whole lines are no events.

    A reader of very long runs holds the steps in force apart, in less memory: `kept_steps`, of which `events` then has
    the last one alone.
    """

    events: tuple[Event, ...]
    torn_bytes: int = 0
    damaged_lines: int = 0
    kept_steps: StepColumns | None = None

    def of_kind(self, *kinds: str) -> list[Event]:
        """The events of some kinds, in order."""
        return [event for event in self.events if event["kind"] in kinds]

    def steps(self) -> Sequence[Event]:
        """One step event for each optimizer step in force: after a resume the later event of a step counts."""
        return self._in_force("step") if self.kept_steps is None else self.kept_steps

    def values(self, name: str) -> Sequence[float]:
        """A field of every step in force; not a number where it is lacking or recorded as such."""
        if self.kept_steps is not None:
            return self.kept_steps.column(name)
        return [to_float(event.get(name)) for event in self.steps()]

    def held_out(self) -> list[Event]:
        """The held-out events in force."""
        return self._in_force("held_out")

    def _in_force(self, kind: str) -> list[Event]:
        result: list[Event] = []
        for event in self.events:
            if event["kind"] == "run_resumed":
                result = [e for e in result if e["step"] <= event["from_step"]]
            elif event["kind"] == kind:
                result = (
                    [e for e in result if e["step"] != event["step"]] if _repeats(result, event) else result
                )
                result.append(event)
        return result


def _repeats(events: list[Event], event: Event) -> bool:
    return bool(events) and events[-1]["step"] >= event["step"]


def read_events(path: Path) -> Record:
    """All whole events of a file; an absent file has none. Torn and damaged lines are counted, not an error."""
    data = path.read_bytes() if path.is_file() else b""
    whole = data.rfind(b"\n") + 1
    lines = [line for line in data[:whole].split(b"\n") if line.strip()]
    events = tuple(event for line in lines if (event := parse_event(line)) is not None)
    return Record(events, len(data) - whole, len(lines) - len(events))


def parse_event(line: bytes) -> Event | None:
    """The event on a line; None if there is none."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and "kind" in value and "seq" in value else None


class EventWriter:
    """Appends events to one file. Opening it cuts off a torn last line and goes on with the next seq."""

    def __init__(self, path: Path) -> None:
        self.path = path
        record = read_events(path)
        self.torn_bytes, self.damaged_lines = record.torn_bytes, record.damaged_lines
        self._next_seq = record.events[-1]["seq"] + 1 if record.events else 0
        self._lock = threading.Lock()
        self._last_fsync = time.monotonic()
        with writing(path):
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            if record.torn_bytes:
                os.ftruncate(self._descriptor, os.fstat(self._descriptor).st_size - record.torn_bytes)
            fsync_folder(path.parent)  # a file whose name is lost has lost every line

    def is_in_place(self) -> bool:
        """Whether the file that is written still lies at its path: a folder may be moved or deleted at any time."""
        try:
            return os.path.samestat(os.fstat(self._descriptor), self.path.stat())
        except OSError:
            return False

    def append(self, kind: str, **fields: Any) -> Event:
        """Write one event and return it. Raises ResourceError when the disk does not take it."""
        with self._lock, writing(self.path):
            event = {"seq": self._next_seq, "time": utc_now(), "kind": kind, **fields}
            self._write((dump_json(event) + "\n").encode("utf-8"))
            self._next_seq += 1
            if kind != "step" or time.monotonic() - self._last_fsync >= FSYNC_SECONDS:
                os.fsync(self._descriptor)
                self._last_fsync = time.monotonic()
        return event

    def _write(self, line: bytes) -> None:
        """One line or nothing: what a full disk took of a line is cut off again."""
        size = os.fstat(self._descriptor).st_size
        try:
            written = os.write(self._descriptor, line)
            while written < len(line):
                written += os.write(self._descriptor, line[written:])
        except OSError:
            os.ftruncate(self._descriptor, size)
            raise

    def close(self) -> None:
        """Sync and close; further events are an error of ours. Raises ResourceError when the disk does not take the last."""
        with writing(self.path):
            try:
                os.fsync(self._descriptor)
            finally:
                os.close(self._descriptor)
