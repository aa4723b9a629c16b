"""Messages in, lines on the standard input of a tracker's process out; its replies back."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from loralab.run.events import Event
from loralab.run.files import dump_json, writing
from loralab.track.fanout import SinkFailed

END_SECONDS = 1.0
# A terminal, a scheduler and timeout(1) send these to a whole process group, in which they are for the run alone:
# it then closes its sinks. SIGKILL, which nobody can hold back, takes the tracker with the run.
GROUP_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
Reply = Mapping[str, Any]


class Child:
    """A tracker's process, which works in `folder` and prints into `folder/child.log`.

    `told` is what it last said of its record on the way; `on_progress` hears how far it is. Raises ResourceError
    where the folder cannot be made or written.
    """

    def __init__(
        self,
        title: str,
        module: str,
        folder: Path,
        environment: Mapping[str, str],
        on_progress: Callable[[Reply], None] = lambda reply: None,
    ) -> None:
        self._title, self._on_progress = title, on_progress
        self.told: dict[str, Any] = {}
        self._begun = False
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            log = (folder / "child.log").open("ab")
        with log, group_signals_blocked():
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", module],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=folder,
                env=dict(environment),
            )
        self._replies: SimpleQueue[Reply] = SimpleQueue()
        threading.Thread(target=self._read, name=f"replies-{title}", daemon=True).start()

    def send(self, message: Mapping[str, Any]) -> None:
        """Send a message; raises SinkFailed, in the process's own words, if it is gone."""
        if self.process.poll() is not None:
            raise self.failure()
        stream = self.process.stdin
        assert stream is not None
        try:
            stream.write(dump_json(message).encode("utf-8") + b"\n")
            stream.flush()
        except OSError:
            raise self.failure() from None

    def pass_on(self, event: Event) -> None:
        """Send an event; with the first, wait until the tracker has a run: events wait where they are counted."""
        self.send({"event": event})
        if not self._begun:
            self.expect("ready")
            self._begun = True

    def expect(self, word: str, seconds: float | None = None) -> Reply:
        """The reply that holds `word`. Raises SinkFailed if there is none, TimeoutError after `seconds` without."""
        deadline = None if seconds is None else time.monotonic() + seconds
        while True:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            try:
                reply = self._replies.get(timeout=left)
            except Empty:
                raise TimeoutError(f"{self._title} is late") from None
            if word in reply:
                return reply
            if not self._on_the_way(reply):
                raise self.failure(reply)

    def failure(self, reply: Reply | None = None) -> SinkFailed:
        """Why the process is gone, in its own words where it left some."""
        with contextlib.suppress(Empty):
            while reply is None or self._on_the_way(reply):
                reply = self._replies.get(timeout=END_SECONDS)
        self.end_quietly()
        told = (reply or {}).get("failed")
        return SinkFailed(str(told or f"{self._title}'s process ended with code {self.process.returncode}"))

    def end(self) -> None:
        """Close its input, at which it finishes, then kill: SIGTERM does not reach it."""
        self._release()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(END_SECONDS)
            return
        self.kill()

    def end_quietly(self) -> None:
        """Wait for a process that has said its last word."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(END_SECONDS)
        self.end()

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait()
        self._release()

    def _on_the_way(self, reply: Reply) -> bool:
        """Whether a reply only says how things go."""
        if "late" in reply:
            self.told |= reply
        elif "progress" in reply:
            self._on_progress(reply)
        else:
            return False
        return True

    def _read(self) -> None:
        """Queue the replies; an empty one is the end."""
        stream = self.process.stdout
        assert stream is not None
        with stream:
            for line in stream:
                with contextlib.suppress(ValueError):  # a line torn by a kill
                    reply = json.loads(line)
                    self._replies.put(reply if isinstance(reply, dict) else {})
        self._replies.put({})

    def _release(self) -> None:
        stream = self.process.stdin
        assert stream is not None
        with contextlib.suppress(OSError):  # what is left in the buffer of a broken pipe
            stream.close()


@contextlib.contextmanager
def group_signals_blocked() -> Iterator[None]:
    """Block them in this thread, and so in what it starts; one that comes meanwhile is delivered, here or elsewhere, as ever."""
    if not hasattr(signal, "pthread_sigmask"):
        yield  # Windows, where Ctrl-C is all there is, and the child ignores it
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [getattr(signal, name) for name in GROUP_SIGNALS])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def python_path(folder: Path) -> dict[str, str]:
    """What lets a process in another working folder import what this one imports."""
    return {"PYTHONPATH": os.pathsep.join(str(folder / entry) for entry in sys.path if entry)}
