"""A cell's folder in, the right to train it out, which the process that trains it inherits and keeps while it lives.

A study's process can be killed while its cell goes on training, before that cell has a run folder with a LOCK of
its own. The system takes the hold back when the last process that has it is gone, however it ended.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from loralab.run.files import writing

TAKEN = (errno.EWOULDBLOCK, errno.EACCES)


class Held(Exception):
    """Another process has the hold."""


@contextlib.contextmanager
def holding(path: Path) -> Iterator[int]:
    """The hold as a descriptor, to be handed to a child process; raises Held if another process has it."""
    with writing(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _take(descriptor)
        yield descriptor
    finally:
        os.close(descriptor)


def is_held(path: Path) -> bool:
    """Whether a process has the hold; nothing is written."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        _take(descriptor)
    except Held:
        return True
    finally:
        os.close(descriptor)
    return False


def _take(descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in TAKEN:
            raise Held from None
        # a disk that knows no such locks: the LOCK of the run folder is what is left
