"""A folder and a model in, runs of the command line that several real processes share out."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from doubles.command import Said, ended, start, wait_until
from doubles.job_files import write_job
from loralab.run.folder import RunFolder
from loralab.run.view import Run, open_run

STEPS = 20
PATIENCE_SECONDS = 280.0  # each of several processes imports torch, on cores that others may use too
QUICK = (
    "train.epochs=4",
    "train.save_every_steps=5",
    "evaluate.stages=[before]",
    "evaluate.max_new_tokens=4",
)


@dataclass(frozen=True)
class Shared:
    """A config of twenty steps with dropout, `more` words for it, and where its runs go."""

    folder: Path
    config: Path
    more: tuple[str, ...] = ()
    start: Callable[..., Any] = start  # or fork: a process in which nothing is imported again

    def words(self, name: str) -> tuple[str | Path, ...]:
        """`train` into a folder of its own, by one process."""
        return ("train", self.config, *QUICK, *self.more, f"run.dir={self.folder / name}")

    def run(self, name: str) -> Run:
        """The run of that name."""
        return open_run(self.folder / name / "0001-job")

    def begin(self, name: str, world: int = 2) -> subprocess.Popen[str]:
        """Start it, shared by some processes."""
        return self.start(*self.words(name), "--devices", str(world), "--json", cwd=self.folder)

    def train(self, name: str, world: int = 2) -> Said:
        """The same to its end."""
        return ended(self.begin(name, world), PATIENCE_SECONDS)

    def resume(self, name: str, world: int = 2) -> Said:
        """Carry it on to its end, shared by some processes."""
        run = self.folder / name / "0001-job"
        process = self.start("resume", run, "--devices", str(world), "--json", cwd=self.folder)
        return ended(process, PATIENCE_SECONDS)

    def begin_until(self, name: str, step: int, world: int = 2) -> subprocess.Popen[str]:
        """Start it, and return when it has made a step."""
        process = self.begin(name, world)
        wait_until(lambda: self.steps(name) >= step, process, PATIENCE_SECONDS)
        return process

    def steps(self, name: str) -> int:
        """How many steps its record has by now."""
        events = RunFolder(self.folder / name / "0001-job").events
        return events.read_bytes().count(b'"kind": "step"') if events.is_file() else 0

    def kill(self, name: str, rank: int, number: int = signal.SIGKILL) -> None:
        """Hit one of the processes of a run with a signal."""
        os.kill(self.pid(name, rank), number)

    def pid(self, name: str, rank: int) -> int:
        """The process with this rank, as the record names it."""
        run = self.run(name)
        if rank == 0:
            return int(run.folder.lock.read_text("utf-8").split('"pid": ')[1].split(",")[0])
        (note,) = [e for e in run.record.of_kind("note") if e.get("code") == "ranks"]
        return int(next(other["pid"] for other in note["others"] if other["rank"] == rank))


def make_shared(folder: Path, model: Path, *more: str) -> Shared:
    """The config and its rows in a folder."""
    return Shared(folder, write_job(folder, model), more)


def held_bytes(run: Run) -> list[int]:
    """The bytes of the base that each process held before the first step, by rank."""
    (note,) = [e for e in run.record.of_kind("note") if e.get("code") == "ranks"]
    return [note["base_bytes"], *(other["base_bytes"] for other in note["others"])]


def is_alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in ("Z", "X")
