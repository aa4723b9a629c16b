"""A run folder in, looks at the run as it goes out, until it is over; nothing is written."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from loralab.run.events import Event, Record
from loralab.run.folder import RunFolder
from loralab.run.growing import GrowingEvents
from loralab.run.lock import holder_is_alive
from loralab.run.view import ENDINGS, ending_of

REST = 20.0  # times as long as a look was worked on: a long record must not cost the run its processor
LONGEST_REST_SECONDS = 15.0
CLOSING_SECONDS = 30.0  # after its last word a run closes its mirrors, which takes 15 s at most


@dataclass(frozen=True)
class Look:
    """What one look at a run finds.

    `status` is as that of a `Run`, or waiting where nothing is recorded yet. If the file was replaced, `new`
    is the whole record, and `began_again` says so.
    """

    new: Sequence[Event]
    record: Record
    status: str
    began_again: bool
    silent_seconds: float  # since a look found something new


def looks(folder: RunFolder, pause_seconds: float) -> Iterator[Look]:
    """Look at a run again and again until it has ended, or until its process is gone without a word.

    What is not there yet is waited for. A process on another host is taken to be alive. The pause grows with the
    time that the caller takes for a look. Raises OSError if the events cannot be read.
    """
    growing, record, heard, was_gone = GrowingEvents(folder.events), Record(()), time.monotonic(), False
    while True:
        # asked before the events are read, which then hold all that a process wrote before it went
        is_gone = _is_gone(folder)
        restarts = growing.restarts
        new = growing.take()
        again = growing.restarts != restarts
        if new or again or growing.torn_bytes != record.torn_bytes:
            events = tuple(new) if again else (*record.events, *new)
            record = Record(events, growing.torn_bytes, growing.damaged_lines)
        heard = time.monotonic() if new else heard
        is_stale = is_gone and was_gone and not new
        going = "running" if record.events else "waiting"
        status = ending_of(record.events) or ("stale" if is_stale else going)
        looked = time.monotonic()
        yield Look(new, record, status, again, looked - heard)
        is_closed = is_gone or looked - heard >= CLOSING_SECONDS
        if is_stale or (status in ENDINGS.values() and is_closed):
            return
        rest = min(LONGEST_REST_SECONDS, REST * (time.monotonic() - looked))
        was_gone = is_gone
        time.sleep(max(pause_seconds, rest))


def _is_gone(folder: RunFolder) -> bool:
    """Whether there was a process that wrote this run, and is none now; a folder without a trace of one may be new."""
    had_one = folder.lock.exists() or folder.events.exists()
    return had_one and not holder_is_alive(folder.lock)
