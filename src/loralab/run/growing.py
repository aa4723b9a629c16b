"""A growing events.jsonl in, the events that are new since the last look out; nothing is written or held open."""

from __future__ import annotations

from pathlib import Path

from loralab.run.events import Event
from loralab.run.step_lines import parse_lines

TAIL_BYTES = 4096
PIECE_BYTES = 1 << 18  # what is parsed of it takes a few times as much memory


class GrowingEvents:
    """Reads a file of events as it grows: each look takes the whole lines that are new.

    A torn last line waits until it is whole. A file in which the bytes taken last no longer stand where they
    stood was replaced or shortened: it is read from its start again, and `restarts` counts that. A copy that
    holds the same lines and more, as rsync makes one, goes on.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset = 0  # bytes of the whole lines taken so far: where the next line begins
        self.restarts = 0
        self.damaged_lines = 0  # whole lines that are no events, since the file's start
        self.torn_bytes = 0  # that follow the last whole line
        self._tail = b""  # the last bytes before `offset`

    def take(self) -> list[Event]:
        """The events that are new since the last call: all of them after a restart, none where there is no file.

        Raises OSError if there is a file that cannot be read.
        """
        return [event for _, event in self.take_placed()]

    def take_some(self) -> list[Event]:
        """The first of the events that are new, of a piece of the file; none when there are no more."""
        while True:
            before = (self.offset, self.restarts)
            events = [event for _, event in self.take_placed(PIECE_BYTES)]
            if events or before == (self.offset, self.restarts):
                return events

    def take_placed(self, about_bytes: int = -1) -> list[tuple[int, Event]]:
        """As `take`, each event with the byte offset at which its line begins; of a piece of the file if asked."""
        data = self._new_bytes(about_bytes)
        whole = data[: data.rfind(b"\n") + 1]
        self.torn_bytes = len(data) - len(whole)
        placed: list[tuple[int, Event]] = []
        lines = whole.split(b"\n")[:-1]
        for line, event in zip(lines, parse_lines(lines), strict=True):
            if event is not None:
                placed.append((self.offset, event))
            self.damaged_lines += event is None and bool(line.strip())
            self.offset += len(line) + 1
        self._tail = (self._tail + whole)[-TAIL_BYTES:]
        return placed

    def _new_bytes(self, about_bytes: int) -> bytes:
        """What stands after the lines taken so far, from the file's start if those are no longer there."""
        try:
            stream = self.path.open("rb")
        except FileNotFoundError:
            return b""  # not made yet, or moved away: what is at the path next time decides
        with stream:
            stream.seek(self.offset - len(self._tail))
            if stream.read(len(self._tail)) != self._tail:
                self.offset, self.damaged_lines, self._tail = 0, 0, b""
                self.restarts += 1
                stream.seek(0)
            return stream.read() if about_bytes < 0 else stream.read(about_bytes) + stream.readline()
