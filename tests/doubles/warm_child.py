"""A tracker's process, forked from the tests instead of started: what is imported here need not be imported again."""

from __future__ import annotations

import os
import runpy
import subprocess
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import IO

import pytest

from doubles.fork import Fork, let_go_of_files, open_streams, usual_warnings


def warm_children(patch: pytest.MonkeyPatch) -> None:
    """From now on the sinks of this process fork SwanLab's process from it."""
    import swanlab

    assert swanlab.__version__
    names = {"Popen": WarmProcess, "PIPE": subprocess.PIPE, "TimeoutExpired": subprocess.TimeoutExpired}
    patch.setattr("loralab.track.process.subprocess", SimpleNamespace(**names))


class WarmProcess(Fork):
    """For `python -P -m MODULE` in a folder, with pipes."""

    def __init__(
        self, words: Sequence[str], *, stdin: int, stdout: int, stderr: IO[bytes], cwd: Path, env: Mapping[str, str],
    ) -> None:  # fmt: skip
        assert (words[1:3], stdin, stdout) == (["-P", "-m"], -1, -1)
        theirs_in, ours_in = os.pipe()
        ours_out, theirs_out = os.pipe()
        super().__init__(partial(_live, words[3], (theirs_in, theirs_out, stderr.fileno()), cwd, env), words)
        os.close(theirs_in)
        os.close(theirs_out)
        self.stdin, self.stdout = os.fdopen(ours_in, "wb"), os.fdopen(ours_out, "rb")


def _live(module: str, streams: Sequence[int], folder: Path, environment: Mapping[str, str]) -> int:
    """In the fork. Of this process it keeps nothing but what is imported."""
    for number, source in enumerate(streams):
        os.dup2(source, number)
    let_go_of_files()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    open_streams()
    usual_warnings()
    runpy.run_module(module, run_name="__main__")
    raise AssertionError("the module ends by itself, with its exit code")
