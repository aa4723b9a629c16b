"""A trainer that is tied to its worker saves itself when the worker is killed; one that is not trains on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from doubles.command import wait_until
from loralab.study.train_cell import TIED

# says who it is, and how it was ended
CHILD = (
    "import os, signal, sys, time; path = sys.argv[1]\n"
    "signal.signal(signal.SIGTERM, lambda *_: (open(path + '.end', 'w').close(), sys.exit(143)))\n"
    "open(path + '.tmp', 'w').write(str(os.getpid())); os.rename(path + '.tmp', path); time.sleep(60)\n"
)
PARENT = "import os, subprocess, sys; subprocess.run([*sys.argv[1:4], str(os.getpid()), *sys.argv[4:]])"


@pytest.fixture
def begun(tmp_path: Path) -> Iterator[Path]:
    """Where a child says who it is; it is ended after the test."""
    path = tmp_path / "child"
    yield path
    if path.exists() and not path.with_suffix(".end").exists():
        os.kill(int(path.read_text()), signal.SIGKILL)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent is gone")
def test_a_tied_command_ends_with_its_parent(begun: Path) -> None:
    command = [*TIED, sys.executable, "-c", CHILD, str(begun)]
    process = subprocess.Popen([sys.executable, "-c", PARENT, *command], text=True)
    wait_until(begun.exists, process)
    assert not begun.with_suffix(".end").exists()
    process.kill()
    process.wait()
    deadline = time.monotonic() + 60
    while not begun.with_suffix(".end").exists():
        assert time.monotonic() < deadline, "it has outlived its parent"
        time.sleep(0.01)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent is gone")
def test_a_command_whose_parent_is_gone_before_it_is_tied_does_not_begin(begun: Path) -> None:
    command = [*TIED, str(os.getppid()), sys.executable, "-c", CHILD, str(begun)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGTERM
    assert not begun.exists()


def test_the_command_is_what_is_left(tmp_path: Path) -> None:
    said = subprocess.run([*TIED, str(os.getpid()), sys.executable, "-c", "print(3); exit(7)"], capture_output=True, check=False)  # fmt: skip
    assert said.returncode == 7 and said.stdout == b"3\n" and said.stderr == b""
