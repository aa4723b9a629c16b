"""A tracker's process, forked from the tests instead of started: what is imported here need not be imported again."""

from __future__ import annotations

import contextlib
import os
import runpy
import signal
import subprocess
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

import pytest

BROKEN = 70  # the fork's own code, before the module


def warm_children(patch: pytest.MonkeyPatch) -> None:
    """From now on the sinks of this process fork SwanLab's process from it."""
    import swanlab

    assert swanlab.__version__
    names = {"Popen": WarmProcess, "PIPE": subprocess.PIPE, "TimeoutExpired": subprocess.TimeoutExpired}
    patch.setattr("loralab.track.process.subprocess", SimpleNamespace(**names))


class WarmProcess:
    """As much of subprocess.Popen as a sink needs: `python -P -m MODULE` in a folder, with pipes."""

    def __init__(
        self, words: Sequence[str], *, stdin: int, stdout: int, stderr: IO[bytes], cwd: Path, env: Mapping[str, str],
    ) -> None:  # fmt: skip
        assert (words[1:3], stdin, stdout) == (["-P", "-m"], -1, -1)
        theirs_in, ours_in = os.pipe()
        ours_out, theirs_out = os.pipe()
        self._lock, self.returncode = threading.Lock(), None
        self.pid = os.fork()
        if not self.pid:
            _become(words[3], theirs_in, theirs_out, stderr.fileno(), cwd, env)
        os.close(theirs_in)
        os.close(theirs_out)
        self.stdin, self.stdout = os.fdopen(ours_in, "wb"), os.fdopen(ours_out, "rb")

    def poll(self) -> int | None:
        with self._lock:
            if self.returncode is None:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                self.returncode = os.waitstatus_to_exitcode(status) if pid else None
            return self.returncode

    def wait(self, timeout: float = 60.0) -> int:
        deadline = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("a fork", timeout)
            time.sleep(0.005)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def _let_go_of_files() -> None:
    """Nothing that this process has open stays so: pipes above all, whose other ends would never see an end.

    Their numbers stay taken. What still holds one of them here will close it one day, and must not close another's.
    """
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in [int(path.name) for path in Path("/proc/self/fd").iterdir()]:
        if number > 2:
            with contextlib.suppress(OSError):  # that of the listing itself
                os.fstat(number)
                os.dup2(nowhere, number)


def _become(module: str, reads: int, writes: int, errors: int, folder: Path, environment: Any) -> None:
    """The fork: never returns. Of this process it keeps nothing but what is imported."""
    try:
        for number, source in enumerate((reads, writes, errors)):
            os.dup2(source, number)
        _let_go_of_files()
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        sys.stdin, sys.stdout, sys.stderr = (
            open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115
            for number, mode in enumerate(("r", "w", "w"))
        )
        warnings.resetwarnings()
        warnings.simplefilter("ignore")
        runpy.run_module(module, run_name="__main__")
    finally:
        with contextlib.suppress(BaseException):
            traceback.print_exc()
            sys.stderr.flush()
        os._exit(BROKEN)
