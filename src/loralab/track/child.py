"""The process that drives a tracker: messages on standard input in, the tracker's own files out.

Messages are JSON lines: one `open`, any number of `event`, one `close`. Replies go to standard output:
`ready` when the tracker has a run (at the first event, or at `open` if that asks for a replay), `progress`
and `late` while it finishes, then `finished` or `failed`. The end of input closes as well; signals for the
whole process group are blocked from the start (`process.py`). Everything that the tracker prints goes to
standard error, without the key.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TextIO

from loralab.run.events import Event
from loralab.track.follow import Follower, Writer

LAST_RESORT_SECONDS = 60.0
PROGRESS_SECONDS = 0.5
Message = Mapping[str, Any]


@dataclass(frozen=True)
class Tracker:
    """What differs from tracker to tracker. `prepare` imports and checks it, and returns secrets to strike out."""

    name: str
    title: str
    prepare: Callable[[Message], set[str]]
    begin: Callable[[Message, Sequence[Event]], Writer]
    ready: Callable[[Writer], Message] = lambda writer: {}
    outcome: Callable[[Message, Writer], Message] = lambda names, writer: {}
    progress: Callable[[Writer], Message] = lambda writer: {}


class Censor(io.TextIOBase):
    """A text stream that strikes out secrets."""

    def __init__(self, target: TextIO) -> None:
        self._target = target
        self.secrets: set[str] = set()

    def write(self, text: str) -> int:
        """Write `text` without the secrets; where the disk of the log fails, the reply that says so must still be sent."""
        with contextlib.suppress(OSError):
            self._target.write(self.strike(text))
            self._target.flush()
        return len(text)

    def strike(self, text: str) -> str:
        """`text` with *** for every secret."""
        for secret in filter(None, self.secrets):
            text = text.replace(secret, "***")
        return text

    def flush(self) -> None:
        """Nothing is held."""


class Replies:
    """Writes replies; two threads may."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._lock = stream, threading.Lock()

    def __call__(self, message: Message) -> None:
        """Write one line."""
        # where the run is gone, what is left is to finish
        with self._lock, contextlib.suppress(OSError):
            self._stream.write(json.dumps(message) + "\n")
            self._stream.flush()


def serve(tracker: Tracker, messages: SimpleQueue[Message], reply: Replies, censor: Censor) -> int:
    """Carry out the messages up to the first `close`; the exit code."""
    try:
        _carry_out(tracker, messages, reply, censor)
        return 0
    except Exception as error:  # seam: isolates a tracker, whatever it raises becomes one line
        traceback.print_exc()
        text = " ".join(censor.strike(str(error)).split())
        told = text[:400] or type(error).__name__
        reply({"failed": f"{tracker.title}: {told} (more in track/{tracker.name}/child.log)"})
        return 1


def _carry_out(tracker: Tracker, messages: SimpleQueue[Message], reply: Replies, censor: Censor) -> None:
    names: Message = {}
    follower: Follower | None = None
    while "close" not in (message := messages.get()):
        begun = follower is not None and follower.writer is not None
        if "open" in message:
            names = message["open"]
            censor.secrets |= tracker.prepare(names)
            follower = Follower(Path(names["events"]), partial(tracker.begin, names))
            if names.get("replay"):
                follower.replay()
        elif follower is not None:
            follower.take(message["event"])
        if follower is not None and follower.writer is not None and not begun:
            reply({"ready": True, **tracker.ready(follower.writer)})
    if follower is None or follower.writer is None:
        reply({"finished": True})
        return
    late_seconds = message.get("late_seconds", LAST_RESORT_SECONDS)
    with _telling_on_the_way(tracker, names, follower.writer, reply, late_seconds):
        follower.finish(message["close"])
    reply({"finished": True, **tracker.outcome(names, follower.writer)})


@contextlib.contextmanager
def _telling_on_the_way(
    tracker: Tracker, names: Message, writer: Writer, reply: Replies, late_seconds: float
) -> Iterator[None]:
    """While a tracker finishes, say how far it is, and once what it has on disk if it takes long."""
    done = threading.Event()

    def tell() -> None:
        while not done.wait(PROGRESS_SECONDS):
            reply({"progress": True, **tracker.progress(writer)})

    def tell_late() -> None:
        if not done.wait(late_seconds):
            with contextlib.suppress(Exception):  # seam: what cannot be said early is said at the end, or not
                reply({"late": True, **tracker.outcome(names, writer)})

    for target in (tell, tell_late):
        threading.Thread(target=target, daemon=True).start()
    try:
        yield
    finally:
        done.set()


def main(tracker: Tracker, key_variable: str) -> None:
    """Serve standard input; never returns."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # for Windows, where nothing can be blocked
    reply = Replies(os.fdopen(os.dup(1), "w", encoding="utf-8"))
    os.dup2(2, 1)
    censor = Censor(sys.stderr)
    censor.secrets.add(os.environ.get(key_variable, ""))
    sys.stdout = sys.stderr = censor
    messages: SimpleQueue[Message] = SimpleQueue()
    threading.Thread(target=_read_then_limit, args=(messages,), daemon=True).start()
    code = serve(tracker, messages, reply, censor)
    # Not sys.exit: the exit hooks of a tracker would try to finish again, without a limit of time.
    os._exit(code)


def _read_then_limit(messages: SimpleQueue[Message]) -> None:
    """Take in every line at once, so that the run's side never waits; the end of input closes.

    A finish that hangs then outlives the run by a minute at most.
    """
    for line in sys.stdin.buffer:
        with contextlib.suppress(ValueError):  # a line torn by a kill
            messages.put(json.loads(line))
    messages.put({"close": "interrupted"})
    threading.Event().wait(LAST_RESORT_SECONDS)
    os._exit(3)
