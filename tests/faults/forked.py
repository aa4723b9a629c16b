"""A command line in, a process of its own that runs it out; forked, so that torch need not be imported again."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from doubles.command import Said

PATIENCE_SECONDS = 240.0
BROKEN = 70  # the child's own code, before or after the command line


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
    pid: int = field(init=False)
    code: int | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if not self.pid:
            self._run()

    def _run(self) -> None:
        """The child: never returns."""
        code = BROKEN
        try:
            _write_to(self.log)
            self.before()
            code = _command_line(self.words)
            self.after()
        except BaseException:  # the child must not go on as a copy of its parent
            code = BROKEN
            traceback.print_exc()
        finally:
            with contextlib.suppress(BaseException):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)

    def said(self) -> Said:
        """How it ended and what it wrote, once it has."""
        return Said(self.wait(), _beside(self.log).read_text("utf-8"), self.log.read_text("utf-8"))

    def has_ended(self) -> bool:
        """Whether the process is gone; then `code` is set, negative for a signal."""
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.code = os.waitstatus_to_exitcode(status) if pid else None
        return self.code is not None

    def kill(self) -> None:
        """SIGKILL, unless it is gone already."""
        self.send(signal.SIGKILL)

    def send(self, number: int) -> None:
        """A signal, unless it is gone already."""
        if not self.has_ended():
            os.kill(self.pid, number)

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
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False, buffering=1)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False, buffering=1)  # noqa: SIM115


def _beside(log: Path) -> Path:
    return log.with_name(f"{log.name}.out")


def _command_line(words: tuple[str | Path, ...]) -> int:
    from loralab.cli.main import run

    sys.argv = ["loralab", *map(str, words)]
    try:
        run()
    except SystemExit as end:
        assert isinstance(end.code, int)
        return end.code
    raise AssertionError("the entry point always exits")
