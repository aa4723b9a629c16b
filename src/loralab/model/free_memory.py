"""The system's own files in, the bytes that this process may still take out."""

from __future__ import annotations

from pathlib import Path

ROOT = Path("/")


def usable_bytes(root: Path = ROOT) -> int | None:
    """Memory that is free, or the room that a cgroup leaves if that is less, with what this process holds already.

    None where the system (anything but Linux) does not tell.
    """
    free = _number(root / "proc/meminfo", "MemAvailable:")
    if free is None:
        return None
    held = _number(root / "proc/self/status", "VmRSS:") or 0
    rooms = [free * 1024, *_cgroup_rooms(root)]
    return min(rooms) + held * 1024


def _cgroup_rooms(root: Path) -> list[int]:
    """What is left under each limit of the process's control groups, of version 2 or 1."""
    rooms = []
    for folder, limit, used in _places(root):
        most, now = _plain(folder / limit), _plain(folder / used)
        if most is not None and now is not None:
            rooms.append(max(0, most - now + (_number(folder / "memory.stat", "inactive_file") or 0)))
    return rooms


def _places(root: Path) -> list[tuple[Path, str, str]]:
    try:
        lines = (root / "proc/self/cgroup").read_text("utf-8").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            base, names = root / "sys/fs/cgroup", ("memory.max", "memory.current")
        elif "memory" in controllers.split(","):
            base, names = root / "sys/fs/cgroup/memory", ("memory.limit_in_bytes", "memory.usage_in_bytes")
        else:
            continue
        own = base / path.strip("/")
        inside = [folder for folder in (own, *own.parents) if folder.is_relative_to(base)]
        found += [(folder, *names) for folder in inside]
    return found


def _plain(path: Path) -> int | None:
    """The number in a file; None for `max`, or without the file."""
    try:
        return int(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None


def _number(path: Path, key: str) -> int | None:
    """The number behind a key at the start of a line."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.split()[:1] == [key]), None)
