"""For a process of one thread: from here on it, and what it starts, has a network with the loopback interface alone."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import socket
import struct
from pathlib import Path

NEW_NETWORK = 0x40000000
GET_FLAGS, SET_FLAGS, UP = 0x8913, 0x8914, 1  # ioctl(2) of a network interface
REQUEST = "16sH14x"


def enter() -> None:
    """Leave the network of the machine. Raises PermissionError where that is not allowed."""
    if ctypes.CDLL(None, use_errno=True).unshare(NEW_NETWORK):
        raise PermissionError(ctypes.get_errno(), f"unshare: {os.strerror(ctypes.get_errno())}")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        found = fcntl.ioctl(control, GET_FLAGS, struct.pack(REQUEST, b"lo", 0))
        name, flags = struct.unpack(REQUEST, found)
        fcntl.ioctl(control, SET_FLAGS, struct.pack(REQUEST, name, flags | UP))


def ways_out() -> list[str]:
    """Interfaces and routes that lead elsewhere; none, after `enter`."""
    interfaces = [name for _, name in socket.if_nameindex() if name != "lo"]
    routes = Path("/proc/self/net/route").read_text("ascii").splitlines()[1:]
    return interfaces + [route.split()[0] for route in routes if route.split()[0] != "lo"]


def others() -> list[int]:
    """The other processes in this network: all that was started from here."""
    mine, found = Path("/proc/self/ns/net").readlink(), []
    for path in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if path.name.isdigit() and (path / "ns" / "net").readlink() == mine:
                found.append(int(path.name))
    return [pid for pid in found if pid != os.getpid()]


def refused() -> int:
    """How often anything in this network has tried to send elsewhere, and found no way."""
    names, values = [
        line.split() for line in Path("/proc/self/net/snmp").read_text("ascii").splitlines() if line.startswith("Ip:")
    ]  # fmt: skip
    return int(values[names.index("OutNoRoutes")])
