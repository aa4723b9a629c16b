"""A command line in, a process of its own that runs it out; forked, so that torch need not be imported again."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from doubles.command import Said
from doubles.fork import Fork, command_line, open_streams

PATIENCE_SECONDS = 240.0


def nothing() -> None:
    """Leaves the child as it is."""


@dataclass
class Forked:
    """`loralab WORDS` in a fork of this process; its words go to the end of `log`, its stdout beside that.

    `before` and `after` run in the child, around the command line: to have it meet a fault.
    """

    words: tuple[str | Path, ...]
    log: Path
    before: Callable[[], None] = nothing
    after: Callable[[], None] = nothing
    process: Fork = field(init=False)
    code: int | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.process = Fork(self._run, self.words)

    @property
    def pid(self) -> int:
        """Of the fork."""
        return self.process.pid

    def _run(self) -> int:
        """In the fork."""
        _write_to(self.log)
        self.before()
        code = command_line(self.words)
        self.after()
        return code

    def said(self) -> Said:
        """How it ended and what it wrote, once it has."""
        return Said(self.wait(), _beside(self.log).read_text("utf-8"), self.log.read_text("utf-8"))

    def has_ended(self) -> bool:
        """Whether the process is gone; then `code` is set, negative for a signal."""
        self.code = self.process.poll()
        return self.code is not None

    def kill(self) -> None:
        """SIGKILL, unless it is gone already."""
        self.send(signal.SIGKILL)

    def send(self, number: int) -> None:
        """A signal, unless it is gone already."""
        self.process.send_signal(number)

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Return once a condition holds or the process has ended; one that hangs is killed and fails."""
        wait_until(self, condition)

    def wait(self) -> int:
        """The exit code."""
        self.wait_until(lambda: False)
        assert self.code is not None
        return self.code


class Process(Protocol):
    """A command line that runs."""

    words: tuple[str | Path, ...]
    log: Path

    @property
    def code(self) -> int | None: ...

    def has_ended(self) -> bool: ...

    def kill(self) -> None: ...

    def send(self, number: int) -> None: ...

    def wait_until(self, condition: Callable[[], bool]) -> None: ...

    def wait(self) -> int: ...


def wait_until(
    process: Process, condition: Callable[[], bool], patience_seconds: float = PATIENCE_SECONDS
) -> None:
    """Return once a condition holds or a process has ended; one that hangs is killed and fails."""
    deadline = time.monotonic() + patience_seconds
    while not process.has_ended() and not condition():
        if time.monotonic() > deadline:
            process.kill()
            raise AssertionError(f"hangs: {process.words}; its words: {process.log}")
        time.sleep(0.002)


def _write_to(log: Path) -> None:
    for number, path in ((1, _beside(log)), (2, log)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644), number)
    open_streams()


def _beside(log: Path) -> Path:
    return log.with_name(f"{log.name}.out")
