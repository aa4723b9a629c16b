"""A study file in, the real command that trains it as a process out, and the trainers of its cells."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from loralab.study.folder import StudyFolder
from ranks.processes import is_alive
from studies.study_files import NAME

PATIENCE_SECONDS = 1800.0  # a study of real models on slow cores
LOOK_SECONDS = 0.01


@dataclass(frozen=True)
class Command:
    """`loralab study FILE WORDS` in a working folder of its own; `before` are words before it, such as another program."""

    file: Path
    folder: Path
    words: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    environment: Mapping[str, str] | None = None

    @property
    def study(self) -> StudyFolder:
        """The study's folder."""
        return StudyFolder(self.folder / "studies" / NAME)

    @property
    def said(self) -> str:
        """All that it has said by now."""
        path = self.folder / "said.txt"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def begin(self) -> subprocess.Popen[bytes]:
        """Start it, in a process group of its own."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [*self.before, sys.executable, "-m", "loralab", "study", str(self.file), *self.words]
        with (self.folder / "said.txt").open("ab") as stream:
            return subprocess.Popen(
                command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream,
                start_new_session=True, env=self.environment,
            )  # fmt: skip

    def run(self) -> int:
        """The same to its end; its exit code."""
        return ended(self.begin())


def ended(process: subprocess.Popen[bytes], patience_seconds: float = PATIENCE_SECONDS) -> int:
    """Wait for a process; its exit code."""
    return process.wait(patience_seconds)


def wait_until(
    condition: Callable[[], bool],
    process: subprocess.Popen[bytes],
    patience_seconds: float = PATIENCE_SECONDS,
) -> bool:
    """Return once a condition holds, or False if the process ends before that."""
    deadline = time.monotonic() + patience_seconds
    while not condition():
        if process.poll() is not None:
            return False
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(LOOK_SECONDS)
    return True


def parent(pid: int) -> int:
    """The process that started another, or has inherited it; 0 if there is none."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()[1])
    except OSError:
        return 0


def all_pids() -> list[int]:
    """The processes that there are."""
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def trainers(study: StudyFolder) -> list[int]:
    """The processes that train a cell of a study, or are about to: it is in their words, or they write its log."""
    place = f"{study.path}/cells/"
    return [
        pid for pid in all_pids() if place.encode() in _command_line(pid) or _writes_to(pid).startswith(place)
    ]


def _writes_to(pid: int) -> str:
    try:
        return str(Path(f"/proc/{pid}/fd/1").readlink())
    except OSError:
        return ""


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def kill(process: subprocess.Popen[bytes], study: StudyFolder, with_trainer: bool) -> None:
    """SIGKILL to the process group of a study, and to its trainer, which has one of its own; returns when they are gone."""
    os.killpg(process.pid, signal.SIGSTOP)  # it starts no other meanwhile
    below = trainers(study) if with_trainer else []
    os.killpg(process.pid, signal.SIGKILL)
    kill_each(below)
    process.wait()


def kill_each(pids: Sequence[int]) -> None:
    """SIGKILL to processes; returns when they are gone."""
    for pid in pids:
        if is_alive(pid):
            os.kill(pid, signal.SIGKILL)
    while any(map(is_alive, pids)):
        time.sleep(LOOK_SECONDS)
