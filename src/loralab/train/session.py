"""One writer of one run folder: events to disk and to the mirrors, words to the log, and a clean end."""

from __future__ import annotations

import contextlib
import signal
import threading
import traceback
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from loralab.errors import Interrupted, LoralabError, Problem, ResourceError
from loralab.run.events import Event, EventWriter, utc_now
from loralab.run.folder import RunFolder
from loralab.run.lock import RunLock
from loralab.safe_text import visible, without_secrets
from loralab.track.fanout import Fanout
from loralab.track.sink import Sink
from loralab.words import Words, say


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
        """Record an event and hand it to the sinks. Raises ResourceError if the disk is full or the folder gone."""
        if not self.writer.is_in_place():
            raise ResourceError(
                Problem(
                    say("the run folder was moved or deleted while the run was going on"),
                    str(self.folder.path),
                    next=say("resume it where it lies now: loralab resume RUN"),
                )
            )
        return self._put(kind, fields)

    def _put(self, kind: str, fields: dict[str, Any]) -> Event:
        with self._emitting:  # sinks see the events in the order of the record
            event = self.writer.append(kind, **fields)
            self.fanout.publish(event)
        return event

    def warn(self, code: str, words: Words, **fields: Any) -> None:
        """Record a warning; `fields` are for programs."""
        self.emit("warning", code=code, **fields, **words.to_dict())
        self.log(f"warning {code}: {words}")

    def log(self, text: str) -> None:
        """Append words to log.txt, without secrets and control characters; a log that cannot be written must not end the run."""
        try:
            with self.folder.log.open("a", encoding="utf-8") as stream:
                stream.write(f"{utc_now()} {visible(without_secrets(text))}\n")
        except OSError:
            pass

    def _sink_failed(self, sink: str, error: str, events_lost: int) -> None:
        error = without_secrets(error)
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
        kind, fields = self._end_of(error)
        try:
            self._put(kind, fields)
        except ResourceError:  # the disk is full; who hears that already need not hear it again
            if not isinstance(error, ResourceError):
                raise

    def _end_of(self, error: BaseException) -> tuple[str, dict[str, Any]]:
        """The event for the end by an exception."""
        if isinstance(error, (Interrupted, KeyboardInterrupt)):
            self.status = "interrupted"
            number = error.signal_number if isinstance(error, Interrupted) else int(signal.SIGINT)
            return "run_interrupted", {"signal": number, "step": self.step}
        where = "" if isinstance(error, LoralabError) else _innermost(error)
        text = without_secrets(f"{type(error).__name__}: {error}")
        return "run_failed", {"error": text, "where": where or f"step {self.step}"}


def _innermost(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
