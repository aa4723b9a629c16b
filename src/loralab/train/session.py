"""One writer of one run folder: events to disk and to the mirrors, words to the log, and a clean end."""

from __future__ import annotations

import contextlib
import threading
import traceback
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from loralab.errors import Interrupted, LoralabError
from loralab.run.events import Event, EventWriter, utc_now
from loralab.run.folder import RunFolder
from loralab.run.lock import RunLock
from loralab.track.fanout import Fanout
from loralab.track.sink import Sink
from loralab.words import Words


class Session:
    """Holds the lock while it is open. Leaving it by an exception records how the run ended."""

    def __init__(self, folder: RunFolder, sinks: Sequence[Sink] = ()) -> None:
        self.folder = folder
        self.lock = RunLock(folder.lock)
        try:
            self.writer = EventWriter(folder.events)
        except BaseException:
            self.lock.release()
            raise
        self._emitting = threading.RLock()  # a sink that fails is recorded from a thread of its own
        self.fanout = Fanout(sinks, folder, self._sink_failed)
        self.step = 0
        self.status = "failed"

    def emit(self, kind: str, **fields: Any) -> Event:
        """Record an event and hand it to the sinks."""
        with self._emitting:  # sinks see the events in the order of the record
            event = self.writer.append(kind, **fields)
            self.fanout.publish(event)
        return event

    def warn(self, code: str, words: Words) -> None:
        """Record a warning."""
        self.emit("warning", code=code, **words.to_dict())
        self.log(f"warning {code}: {words}")

    def log(self, text: str) -> None:
        """Append words to log.txt; a log that cannot be written must not end the run."""
        try:
            with self.folder.log.open("a", encoding="utf-8") as stream:
                stream.write(f"{utc_now()} {text}\n")
        except OSError:
            pass

    def _sink_failed(self, sink: str, error: str, events_lost: int) -> None:
        self.emit("sink_failed", sink=sink, error=error, events_lost=events_lost)
        self.log(f"sink {sink} failed, {events_lost} events lost: {error}")

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.ExitStack() as ends:  # each comes to its end, also when the disk is full
            ends.callback(self.lock.release)
            ends.callback(self.writer.close)
            ends.callback(lambda: self.fanout.close(self.status))
            if error is not None:
                self._record_end(error)

    def _record_end(self, error: BaseException) -> None:
        self.log("".join(traceback.format_exception(error)))
        if isinstance(error, Interrupted):
            self.status = "interrupted"
            self.emit("run_interrupted", signal=error.signal_number, step=self.step)
        elif isinstance(error, KeyboardInterrupt):
            self.status = "interrupted"
            self.emit("run_interrupted", signal=2, step=self.step)
        else:
            where = "" if isinstance(error, LoralabError) else _innermost(error)
            self.emit(
                "run_failed", error=f"{type(error).__name__}: {error}", where=where or f"step {self.step}"
            )


def _innermost(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
