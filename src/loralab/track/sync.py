"""A run in; its SwanLab record made whole on this machine, and on a server where there is a key."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from loralab.run.lock import RunLock
from loralab.run.view import Run
from loralab.track.checked import keep_checked
from loralab.track.fanout import SinkFailed
from loralab.track.process import Child, Reply
from loralab.track.swanlab import Mode, start_child
from loralab.track.verify import Mirror, verify

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Synced:
    """What a replay did: points and lists of texts that were sent and that the server had before.

    `rebuilt` says whether files on this machine were written anew; the counts are 0 where nothing was sent.
    """

    mirror: Mirror
    rebuilt: bool
    experiment: str = ""
    sent: int = 0
    known: int = 0


def sync(
    run: Run,
    names: Mapping[str, Any],
    mode: Mode,
    progress: Progress = lambda done, total: None,
    idle_seconds: float = 120.0,
) -> Synced:
    """Replay the events in force into SwanLab; doing it again changes nothing.

    `names` are those of `names_of`. Points keep the times of their events. Gives up after `idle_seconds`
    without progress. Raises UsageError if a living process writes the run, SinkFailed if SwanLab fails.
    """
    status = run.status
    lock = RunLock(run.folder.lock)
    try:
        mirror = verify(run)
        rebuilt = not mirror.whole
        if rebuilt:
            _replay(run, {**names, "mode": "offline"}, status, progress, idle_seconds)
            mirror = verify(run)
        keep_checked(run.folder, "swanlab", mode, mirror, finished=True)
        if not mirror.whole:
            raise SinkFailed(f"SwanLab's record still lacks {mirror.missing} after a replay")
        if mode != "online":
            return Synced(mirror, rebuilt)
        ready, told = _replay(
            run, {**names, "mode": mode, "upload_only": True}, status, progress, idle_seconds
        )
    finally:
        lock.release()
    if told.get("refused"):
        raise SinkFailed(f"SwanLab's server refused {told['refused']} records: {told.get('reason')}")
    known = int(told.get("known", 0))
    return Synced(mirror, rebuilt, str(ready.get("id", "")), int(told.get("given", 0)) - known, known)


def _replay(
    run: Run, names: Mapping[str, Any], status: str, progress: Progress, idle_seconds: float
) -> tuple[Reply, Reply]:
    """What the process said when it had a SwanLab run, and when it was done."""
    watch = _Watch(progress)
    child = start_child(run.folder, watch)
    try:
        child.send({"open": {**names, "replay": True}})
        ready = watch.wait(child, "ready", idle_seconds)
        child.send({"close": status})
        return ready, watch.wait(child, "finished", idle_seconds)
    finally:
        child.end_quietly()


class _Watch:
    """Hears how far a process is, and tells when it has stood still for too long."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._done, self._moved = -1, time.monotonic()

    def __call__(self, reply: Reply) -> None:
        done = int(reply.get("done", 0))
        if done > self._done:
            self._done, self._moved = done, time.monotonic()
            self._progress(done, int(reply.get("total", 0)))

    def wait(self, child: Child, word: str, idle_seconds: float) -> Reply:
        self._moved = time.monotonic()
        while (left := self._moved + idle_seconds - time.monotonic()) > 0:
            try:
                return child.expect(word, left)
            except TimeoutError:
                continue
        child.end()
        raise SinkFailed(f"SwanLab made no progress for {idle_seconds:g} s; what has arrived there stays")
