"""A run folder in, the right to write into it out: one writer, stale locks recognised."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

from loralab.errors import Problem, UsageError
from loralab.run.files import writing
from loralab.words import say


class RunLock:
    """Holds LOCK for one process. `stale` tells whether a dead process had left one behind."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.stale = False
        self._acquire()

    def _acquire(self) -> None:
        me = {"pid": os.getpid(), "host": socket.gethostname(), "started": _start_time(os.getpid())}
        with writing(self.path):
            try:
                descriptor = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
            except FileExistsError:
                refuse_if_held(self.path)
                self.stale = True
                self.path.unlink(missing_ok=True)
                self._acquire()
                return
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                json.dump(me, stream)

    def release(self) -> None:
        """Give the folder free."""
        self.path.unlink(missing_ok=True)


def refuse_if_held(path: Path) -> None:
    """Raise UsageError if a living process holds the lock."""
    if not holder_is_alive(path):
        return
    holder = _read(path)
    raise UsageError(
        Problem(
            say(
                "another process writes this run: pid {pid} on {host}",
                pid=holder["pid"],
                host=holder.get("host"),
            ),
            str(path),
            next=say("wait for it; if that machine is gone for good, delete the file LOCK"),
        )
    )


def holder_is_alive(path: Path) -> bool:
    """Whether the process named in a LOCK file may still write; one on another host is taken to be alive."""
    holder = _read(path)
    if not holder:
        return False  # none, or one that a kill left half written: it belongs to nobody
    if holder.get("host") != socket.gethostname():
        return True
    started = _start_time(int(holder["pid"]))
    return started is not None and started == holder.get("started")


def _read(path: Path) -> dict[str, Any]:
    try:
        holder = json.loads(path.read_text("utf-8"))
        return {**holder, "pid": int(holder["pid"])}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _start_time(pid: int) -> str | None:
    """When a living process started, so that a reused pid is not taken for it; None if there is none."""
    stat = Path(f"/proc/{pid}/stat")
    if stat.parent.parent.joinpath("self").exists():
        try:
            return stat.read_text("ascii", "replace").rpartition(")")[2].split()[19]
        except OSError:
            return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return "alive"
