"""Work in, a fork of this process that does it and then ends out, with as much of subprocess.Popen as is used of one."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

BROKEN = 70  # the fork's own code, where its work did not come to an end
LOOK_SECONDS = 0.005


class Fork:
    """A process that has every import of this one; `work` returns its exit code. `args` are for messages."""

    def __init__(self, work: Callable[[], int], args: Sequence[str | Path] = ("a fork",)) -> None:
        self.args, self.returncode = args, None
        self._lock = threading.Lock()  # of two threads that look, one would wait for a process that is gone
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if not self.pid:
            _live(work)

    def poll(self) -> int | None:
        with self._lock:
            if self.returncode is None:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                self.returncode = os.waitstatus_to_exitcode(status) if pid else None
            return self.returncode

    def wait(self, timeout: float = 1800.0) -> int:
        deadline = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(self.args, timeout)
            time.sleep(LOOK_SECONDS)
        return code

    def send_signal(self, number: int) -> None:
        """A signal, unless it is gone already."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL, unless it is gone already."""
        self.send_signal(signal.SIGKILL)


def _live(work: Callable[[], int]) -> None:
    """Never returns: the fork must not go on as a copy of its parent."""
    code = BROKEN
    try:
        code = work()
    except BaseException:  # whatever it is, its parent reads of it in the words of the fork
        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def let_go_of_files(kept: Collection[int] = ()) -> None:
    """Nothing but 0, 1, 2 and `kept` stays open: locks and pipes above all, whose other ends would never see an end.

    Their numbers stay taken. What still holds one of them here will close it one day, and must not close another's.
    """
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in [int(path.name) for path in Path("/proc/self/fd").iterdir()]:
        if number > 2 and number not in kept:
            with contextlib.suppress(OSError):  # that of the listing itself
                os.fstat(number)
                os.dup2(nowhere, number)


def open_streams() -> None:
    """Python's own streams over what 0, 1 and 2 are now."""
    sys.stdin, sys.stdout, sys.stderr = (
        open(number, mode, encoding="utf-8", closefd=False, buffering=1)  # noqa: SIM115
        for number, mode in enumerate(("r", "w", "w"))
    )


def usual_warnings() -> None:
    """Not those of tests, which are errors."""
    warnings.resetwarnings()
    warnings.simplefilter("ignore")


def command_line(words: Sequence[str | Path]) -> int:
    """`loralab WORDS`; its exit code."""
    from loralab.cli.main import run

    sys.argv = ["loralab", *map(str, words)]
    try:
        run()
    except SystemExit as end:
        assert isinstance(end.code, int)
        return end.code
    raise AssertionError("the entry point always exits")
