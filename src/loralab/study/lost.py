"""A cell whose run was written by another machine in, its LOCK given free out, once that machine is known to be gone.

A process sees another one of its own machine end, and none of any other. So somebody else has to say that a machine
is gone: the head of a cluster, which may only have lost sight of it. A machine in that state ends its workers by
itself after a minute; until nothing has been written for longer than that, a second trainer would race the first.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path

from loralab.errors import Interrupted
from loralab.run.files import write_text, writing
from loralab.run.lock import holder_host
from loralab.run.view import Run
from loralab.train.stop import StopRequest
from loralab.words import say

IsGone = Callable[[str], bool]  # whether the machine of this name is gone for good
STILL_SECONDS = 90.0  # the minute of Ray, and what a shared disk takes to tell of a change
LOOK_SECONDS = 1.0


def never_gone(host: str) -> bool:
    """For engines that do not know their machines."""
    return False


class Stillness:
    """For how long files have been seen unchanged, by the clock of this machine."""

    def __init__(self) -> None:
        self.seen: dict[Path, tuple[tuple[int, int], float]] = {}

    def seconds(self, path: Path) -> float:
        """Seconds since the file was first seen as it is now; 0 when it is first seen."""
        now, state = time.monotonic(), _state(path)
        before, since = self.seen.get(path, (None, now))
        if before != state:
            since = now
        self.seen[path] = (state, since)
        return now - since


def _state(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except FileNotFoundError:
        return (0, 0)
    return (found.st_size, found.st_mtime_ns)


def written_elsewhere(run: Run | None) -> str:
    """The other machine that a run's LOCK names; nothing if there is none."""
    host = holder_host(run.folder.lock) if run else ""
    return "" if host == socket.gethostname() else host


def free_if_gone(run: Run, log: Path, is_gone: IsGone, stop: StopRequest, language: str) -> None:
    """Empty the run's LOCK if its machine is gone: the process that takes it next says so in the record.

    Waits until nothing has been written for a while. Raises Interrupted if a stop is asked for.
    """
    host = written_elsewhere(run)
    if not host or not is_gone(host):
        return
    still = Stillness()
    while still.seconds(run.folder.events) < STILL_SECONDS:
        if stop.signal_number:
            raise Interrupted(stop.signal_number)
        time.sleep(LOOK_SECONDS)
    if written_elsewhere(run) != host or not is_gone(host):
        return  # it has come back, or another machine has taken the run
    write_text(run.folder.lock, "")
    words = say("the machine {host} is gone and has written nothing for {seconds} s: its lock is no longer held",
                host=host, seconds=round(STILL_SECONDS))  # fmt: skip
    with writing(log), log.open("a", encoding="utf-8") as stream:
        stream.write(f"{words.text(language)}\n")
