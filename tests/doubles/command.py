"""The `loralab` command as a process of its own, to be killed, or inside this one, where torch is loaded already."""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

PATIENCE_SECONDS = 90.0


@dataclass(frozen=True)
class Said:
    """How a command ended and what it wrote."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Job:
    """A config on disk that takes a second or two, and what the command line said when it made a run of it."""

    folder: Path
    config: Path
    said: Said

    @property
    def run(self) -> Path:
        """The run folder."""
        return self.folder / "runs" / "0001-job"


def start(*words: str | Path, cwd: Path) -> subprocess.Popen[str]:
    """Start `loralab WORDS` as a process."""
    return subprocess.Popen(
        [sys.executable, "-m", "loralab", *map(str, words)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=cwd,
    )  # fmt: skip


def ended(process: subprocess.Popen[str], patience_seconds: float = PATIENCE_SECONDS) -> Said:
    """Wait for a process."""
    out, err = process.communicate(timeout=patience_seconds)
    return Said(process.returncode, out, err)


def wait_until(
    condition: Callable[[], bool], process: subprocess.Popen[str], patience_seconds: float = PATIENCE_SECONDS
) -> None:
    """Return once a condition holds; fail if the process ends before that."""
    deadline = time.monotonic() + patience_seconds
    while not condition():
        assert process.poll() is None, f"ended too early: {ended(process)}"
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.005)


def invoke(*words: str | Path) -> Said:
    """Run `loralab WORDS` in this process, through its entry point."""
    from loralab.cli.main import run

    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.object(sys, "argv", ["loralab", *map(str, words)]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            run()
        except SystemExit as end:
            code = end.code
    assert isinstance(code, int)
    return Said(code, out.getvalue(), err.getvalue())
