"""A run folder in, the right to write into it out: one writer, stale locks recognised."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from loralab.errors import Problem, UsageError
from loralab.run.files import write_text, writing
from loralab.words import say

ENDED = ("Z", "X", "x")  # states of /proc/PID/stat: zombie, dead


class RunLock:
    """Holds LOCK for one process. `stale` tells whether a dead process had left one behind."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.stale = False
        self._acquire()

    def _acquire(self) -> None:
        me = {"pid": os.getpid(), "host": socket.gethostname(), "started": _start_time(os.getpid())}
        with writing(self.path), _one_at_a_time(self.path.parent):
            refuse_if_held(self.path)
            self.stale = self.path.exists()
            write_text(self.path, json.dumps(me))

    def release(self) -> None:
        """Give the folder free, unless somebody deleted the lock and another process holds it now."""
        holder = _read(self.path)
        if (holder.get("pid"), holder.get("host")) == (os.getpid(), socket.gethostname()):
            self.path.unlink(missing_ok=True)


@contextlib.contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Let one process look at the lock and take it before the next looks; where the disk can do that."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


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


def remove_stale(path: Path) -> None:
    """Remove the lock that a dead process has left; one in a folder that cannot be written stays, and holds nobody up."""
    if not path.exists():
        return
    with contextlib.suppress(OSError), _one_at_a_time(path.parent):
        if not holder_is_alive(path):
            path.unlink(missing_ok=True)


def holder_is_alive(path: Path) -> bool:
    """Whether the process named in a LOCK file may still write; one on another host is taken to be alive."""
    holder = _read(path)
    if not holder:
        return False  # none, or one that a kill left half written: it belongs to nobody
    if holder.get("host") != socket.gethostname():
        return True
    started = _start_time(int(holder["pid"]))
    return started is not None and started == holder.get("started")


def holder_host(path: Path) -> str:
    """The host of the process named in a LOCK file; nothing if it names none."""
    return str(_read(path).get("host") or "")


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
            fields = stat.read_text("ascii", "replace").rpartition(")")[2].split()
        except OSError:
            return None
        # a killed process stays in the table as a zombie until its parent asks for it: it writes nothing more
        return None if fields[0] in ENDED else fields[19]
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return "alive"
