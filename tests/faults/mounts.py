"""For a forked child: mounts that only it sees, and that are gone with it."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

NEW_MOUNTS, NEW_USER = 0x00020000, 0x10000000
READ_ONLY, REMOUNT, BIND, RECURSIVE, PRIVATE = 1, 32, 4096, 16384, 1 << 18


def can_mount() -> bool:
    """Whether a process may have mounts of its own here; tried in a fork."""
    pid = os.fork()
    if not pid:
        code = 1
        try:
            own_mounts()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def own_mounts() -> None:
    """From here on mounts of this process, which must have one thread, are its own."""
    flags = NEW_MOUNTS if os.getuid() == 0 else NEW_MOUNTS | NEW_USER
    _check(_libc().unshare(flags), "unshare")
    _mount("none", Path("/"), None, RECURSIVE | PRIVATE, None)


def small_disk(folder: Path, size_bytes: int) -> None:
    """An empty disk of some bytes at a folder."""
    own_mounts()
    memory_disk(folder, size_bytes)


def memory_disk(folder: Path, size_bytes: int) -> None:
    """The same, for a process that has mounts of its own already."""
    _mount("tmpfs", folder, "tmpfs", 0, f"size={size_bytes}")


def read_only(folder: Path) -> None:
    """What lies in a folder, to be read alone."""
    own_mounts()
    _mount(str(folder), folder, None, BIND, None)
    _mount("none", folder, None, BIND | REMOUNT | READ_ONLY, None)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _mount(source: str, target: Path, kind: str | None, flags: int, data: str | None) -> None:
    texts = [None if text is None else text.encode() for text in (source, str(target), kind, data)]
    code = _libc().mount(texts[0], texts[1], texts[2], ctypes.c_ulong(flags), texts[3])
    _check(code, f"mount at {target}")


def _check(code: int, what: str) -> None:
    if code:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")
