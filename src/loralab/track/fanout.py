"""Events in from the training thread, the same events out to every sink on a thread of its own.

Nothing a sink does reaches the run: publishing neither waits nor raises, and a sink that raises, falls
behind or does not come to an end is left alone from then on and reported once.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Protocol, runtime_checkable

from loralab.run.events import Event
from loralab.run.folder import RunFolder
from loralab.track.sink import Sink

QUEUE_EVENTS = 10_000
CLOSE_SECONDS = 14.0  # with the line after the next, 15 in all
STOPPED_SECONDS = 6.0  # of a run that was stopped: ten seconds after SIGTERM, Docker sends SIGKILL
LAST_SECONDS = 1.0  # for the first sink, when others took all the time there was
OWN_SECONDS = 2.0  # of that, for what a sink does itself once its tracker has had its time
OnFailure = Callable[[str, str, int], None]


def close_seconds(status: str) -> float:
    """How long all sinks together may take to finish."""
    return STOPPED_SECONDS if status == "interrupted" else CLOSE_SECONDS


def tracker_seconds(status: str, at_most: float) -> float:
    """How long a tracker of its own process may take to finish: the sink has something to say after that."""
    return min(at_most, close_seconds(status) - OWN_SECONDS)


class SinkFailed(Exception):
    """What a sink raises when it knows what is wrong: one line for the reader."""


@runtime_checkable
class Abandonable(Protocol):
    """A sink that holds something outside its thread, such as a process."""

    def abandon(self) -> None:
        """Let go of it at once; called from the thread that closes the fan-out, after the sink has failed."""


class Fanout:
    """Feeds sinks from one stream of events.

    `on_failure(sink, error, events_lost)` is called at most once a sink, from the publishing thread, from
    `close` or from the sink's own thread. `events_lost` are the events published so far that the sink has
    not taken; one it was given and had not yet come back from counts as lost.
    """

    def __init__(
        self,
        sinks: Sequence[Sink],
        run: RunFolder,
        on_failure: OnFailure,
        queue_events: int = QUEUE_EVENTS,
    ) -> None:
        self._lanes = [_Lane(sink, run, on_failure, queue_events) for sink in sinks]

    def publish(self, event: Event) -> None:
        """Hand an event to every sink that is still in order; returns at once and never raises."""
        for lane in self._lanes:
            lane.put(event)

    def close(self, status: str, timeout_seconds: float | None = None) -> None:
        """Let the sinks finish, all within `timeout_seconds` or what the status allows; who is late is abandoned and reported.

        The first sink, the terminal as a rule, is ended last: it can still show how the others ended.
        """
        if timeout_seconds is None:
            timeout_seconds = close_seconds(status)
        deadline = time.monotonic() + timeout_seconds
        for lanes in (self._lanes[1:], self._lanes[:1]):
            for lane in lanes:
                lane.end(status)
            for lane in lanes:
                lane.wait(
                    deadline if lane is not self._lanes[0] else deadline + LAST_SECONDS, timeout_seconds
                )


class _Lane:
    """One sink with its queue, its thread and its account of events."""

    def __init__(self, sink: Sink, run: RunFolder, on_failure: OnFailure, queue_events: int) -> None:
        self._sink, self._run, self._on_failure, self._limit = sink, run, on_failure, queue_events
        # The bound is kept by counting: a full queue must still take the end mark.
        self._queue: SimpleQueue[Event | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._published = self._handled = 0
        self._ended = self._failed = False
        self._status = ""
        self._thread = threading.Thread(target=self._work, name=f"sink-{sink.name}", daemon=True)
        self._thread.start()

    def put(self, event: Event) -> None:
        with self._lock:
            if self._failed or self._ended:
                return
            self._published += 1
            if self._published - self._handled <= self._limit:
                self._queue.put(event)
                return
        self._fail(f"fell more than {self._limit} events behind")

    def end(self, status: str) -> None:
        with self._lock:
            if self._ended:
                return
            self._ended, self._status = True, status
        self._queue.put(None)

    def wait(self, deadline: float, timeout_seconds: float) -> None:
        self._thread.join(max(0.0, deadline - time.monotonic()))
        if self._thread.is_alive():
            self._fail(f"did not finish within {timeout_seconds:g} s")
        if self._failed and isinstance(self._sink, Abandonable):
            # The same seam as in _work: letting go must not end the run either.
            with contextlib.suppress(Exception):
                self._sink.abandon()

    def _work(self) -> None:
        try:
            self._sink.open(self._run)
            while (event := self._queue.get()) is not None and not self._failed:
                self._sink.handle(event)
                with self._lock:
                    self._handled += 1
            if not self._failed:
                self._sink.close(self._status)
        # The seam that isolates sinks. This thread is theirs alone: no Ctrl-C is delivered to it, and a
        # SystemExit raised by a tracker would otherwise end it without a word.
        except BaseException as error:
            self._fail(_one_line(error))

    def _fail(self, error: str) -> None:
        with self._lock:
            if self._failed:
                return
            self._failed = True
            lost = self._published - self._handled
        # A report that cannot be written (disk full) stops the run at its next own event, not here.
        with contextlib.suppress(Exception):
            self._on_failure(self._sink.name, error, lost)


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    if isinstance(error, SinkFailed) and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
