"""A random number generator in, a moment at which a run is killed out; the blow itself, and what was on disk before it."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from faults.forked import Forked, nothing

KINDS = ("lines", "seconds", "files")
# Audit events of Python that change the files below a folder, or are about to.
CHANGES = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "shutil.rmtree"}


@dataclass(frozen=True)
class Blow:
    """When to kill: after so many more lines of events.jsonl, so many seconds, or at the so-manieth change of a file.

    A change of a file is the making of a temporary file, a rename, a removal: the last kind falls inside of the
    writing of checkpoints, answers, scores and the manifest.
    """

    kind: str
    amount: float


@dataclass(frozen=True)
class Extent:
    """What a whole run takes: lines of events.jsonl, seconds, changes of files."""

    lines: int
    seconds: float
    files: int


def draw(random: Random, extent: Extent) -> Blow:
    """A blow somewhere within a run."""
    kind = random.choice(KINDS)
    if kind == "seconds":
        return Blow(kind, random.uniform(0, extent.seconds))
    return Blow(kind, random.randint(1, extent.lines if kind == "lines" else extent.files))


def counting(folder: Path, at: Callable[[int], None]) -> Callable[[], None]:
    """For the child: calls `at` with the number of each change of a file below a folder, before it is made."""

    def install() -> None:
        count, inside = 0, False

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            nonlocal count, inside
            if inside or event not in CHANGES or not _is_below(event, arguments, str(folder)):
                return
            count, inside = count + 1, True
            at(count)
            inside = False

        sys.addaudithook(hook)

    return install


def _is_below(event: str, arguments: tuple[Any, ...], folder: str) -> bool:
    path, mode = arguments[0], arguments[1] if len(arguments) > 1 else None
    if event == "open" and (mode is None or not set(str(mode)) & set("wax")):
        return False
    return isinstance(path, (str, os.PathLike)) and os.fspath(path).startswith(folder)


def preparation(blow: Blow, folder: Path) -> Callable[[], None]:
    """What the child does for a blow before it starts: kill itself at a change of a file, or nothing."""
    if blow.kind != "files":
        return nothing

    def at(number: int) -> None:
        if number == blow.amount:
            os.kill(os.getpid(), signal.SIGKILL)

    return counting(folder, at)


def strike(process: Forked, blow: Blow, events: Callable[[], Path]) -> bytes:
    """Wait for the moment and kill; returns what a reader had of events.jsonl just before.

    Returns also if the process ends before that.
    """
    began, seen, mark = time.monotonic(), read(events()), stamp(events())
    first = seen.count(b"\n")

    def has_come() -> bool:
        nonlocal seen, mark
        if (
            stamp(events()) != mark
        ):  # before the bytes are read: a line that comes in between is seen next time
            mark, seen = stamp(events()), read(events())
        passed = seen.count(b"\n") - first if blow.kind == "lines" else time.monotonic() - began
        return blow.kind != "files" and passed >= blow.amount

    process.wait_until(has_come)
    process.kill()
    process.wait()
    return seen


def stamp(path: Path) -> tuple[Path, int, int]:
    """What changes with a file, without reading it."""
    try:
        found = path.stat()
    except OSError:
        return path, 0, 0
    return path, found.st_size, found.st_mtime_ns


def read(path: Path) -> bytes:
    """The bytes of a file; none of an absent one."""
    try:
        return path.read_bytes()
    except OSError:
        return b""
