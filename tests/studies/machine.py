"""A name and a command in, the command on a machine of that name out: a host name of its own, one network and one disk.

Run as a file: `python machine.py NAME COMMAND...`. All that the command starts is on the machine, by which it is found.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path

NEW_HOST_NAME = 0x04000000


def become(name: str, command: Sequence[str]) -> None:
    """Run the command under another host name."""
    if ctypes.CDLL(None, use_errno=True).unshare(NEW_HOST_NAME):
        raise PermissionError(ctypes.get_errno(), f"unshare: {os.strerror(ctypes.get_errno())}")
    socket.sethostname(name)
    os.execv(command[0], command)


def processes_on(machine: str) -> list[int]:
    """The processes of a machine, which `identity` has named."""
    pids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    return [pid for pid in pids if identity(pid) == machine]


def identity(pid: int) -> str:
    """What the processes of one machine have in common; nothing of one that is gone."""
    try:
        return str(Path(f"/proc/{pid}/ns/uts").readlink()) if _is_there(pid) else ""
    except OSError:
        return ""


def _is_there(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()[0] not in "ZX"


def switch_off(machine: str) -> None:
    """SIGKILL to every process of a machine, as when its power fails; returns when there is none."""
    assert machine and machine != identity(os.getpid()), "this would end the machine that the test runs on"
    while pids := processes_on(machine):
        for number in (
            signal.SIGSTOP,
            signal.SIGKILL,
        ):  # all stop before the first is gone: none sees another die
            for pid in pids:
                try:
                    os.kill(pid, number)
                except ProcessLookupError:
                    continue
        time.sleep(0.01)


if __name__ == "__main__":
    become(sys.argv[1], sys.argv[2:])
