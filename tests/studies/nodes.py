"""Machines that are lost in the middle of a study in, the same study to its end on those that are left out."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from loralab.extras import is_installed
from loralab.run.folder import RunFolder
from studies.cluster import MACHINE, Cluster
from studies.loopback import enter, others, refused, ways_out
from studies.processes import Command, ended, kill_each, parent, trainers, wait_until
from studies.study_files import write_models, write_study
from studies.watched import compared, lines

STEPS, SAVE_EVERY, MIDDLE = 40, 10, 15  # a cell is hit between its first checkpoint and its second
CANNOT = 3
DESK = "desk"  # the machine at which the command is given
PATIENCE_SECONDS = 900.0  # in which a command must end, once it has been hit


@dataclass(frozen=True)
class Course:
    """A study, the same trained on one machine without an engine, and the cluster."""

    folder: Path
    file: Path
    whole: Command
    cluster: Cluster

    def command(self, name: str, **environment: str) -> Command:
        """The study in a folder of its own, on the cluster."""
        return Command(
            self.file, self.folder / name, ("--on", "ray"), (sys.executable, MACHINE, DESK),
            self.cluster.environment(**environment),
        )  # fmt: skip


Wrong = list[str]
Scene = Callable[[Course, Command], Wrong]


def at_work(command: Command, machine: str = "") -> dict[str, Any]:
    """The LOCK of a run that is in its middle, with its events' path; of a certain machine, if one is named."""
    for events in command.study.path.glob("cells/*/*/events.jsonl"):
        with contextlib.suppress(OSError, ValueError):
            lock = json.loads(RunFolder(events.parent).lock.read_text("utf-8"))
            if machine in ("", lock["host"]) and events.read_bytes().count(b'"kind": "step"') >= MIDDLE:
                return {**lock, "events": events}
    return {}


def begin_until_middle(command: Command, machine: str = "") -> tuple[Any, dict[str, Any]]:
    """Start the study; the process, and a cell that is in its middle."""
    found: dict[str, Any] = {}
    process = command.begin()

    def is_there() -> bool:
        found.update(at_work(command, machine))
        return bool(found)

    assert wait_until(is_there, process, PATIENCE_SECONDS), command.said
    return process, found


def expect(code: int, expected: int, command: Command) -> Wrong:
    """What is wrong with an exit code."""
    return [] if code == expected else [f"exit {code} instead of {expected}: {command.said[-3000:]}"]


def resumed(cell: dict[str, Any]) -> Wrong:
    """A cell that was hit must have gone on from a checkpoint."""
    return [] if '"kind": "run_resumed"' in cell["events"].read_text("utf-8") else ["the cell that was hit did not go on"]  # fmt: skip


def worker_killed(course: Course, command: Command) -> Wrong:
    """The process of Ray that has started a trainer, as when the system is out of memory."""
    process, cell = begin_until_middle(command)
    kill_each([parent(cell["pid"])])
    return expect(ended(process, PATIENCE_SECONDS), 0, command) + resumed(cell)


def machine_lost(course: Course, command: Command) -> Wrong:
    """All processes of a machine at once; the others hear nothing more of it."""
    process, cell = begin_until_middle(command, "two")
    course.cluster.switch_off("two")
    wrong = expect(ended(process, PATIENCE_SECONDS), 0, command) + resumed(cell)
    if "the machine two is gone" not in "".join(
        p.read_text() for p in command.study.path.glob("cells/*/log.txt")
    ):
        wrong.append("no cell of the lost machine was taken over")
    course.cluster.join("three")
    course.cluster.wait_for("one", "three")
    return wrong


def command_killed(course: Course, command: Command) -> Wrong:
    """The command itself; the same one follows at once."""
    process, cell = begin_until_middle(command)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return expect(ended(command.begin(), PATIENCE_SECONDS), 0, command) + resumed(cell)


def ctrl_c(course: Course, command: Command) -> Wrong:
    """A Ctrl-C at the command: cells save themselves, and no process is left."""
    process, cell = begin_until_middle(command)
    process.send_signal(signal.SIGINT)
    wrong = expect(ended(process, PATIENCE_SECONDS), 130, command)
    wrong += ["a trainer is left"] if trainers(command.study) else []
    if "run_interrupted" not in cell["events"].read_text("utf-8"):
        wrong.append("the cell in training did not save itself")
    return wrong + expect(ended(command.begin(), PATIENCE_SECONDS), 0, command) + resumed(cell)


def head_lost(course: Course, command: Command) -> Wrong:
    """The machine of the head; the command ends by itself, and goes on when that machine has been started again."""
    process, cell = begin_until_middle(command, "one")
    course.cluster.switch_off("one")
    began = time.monotonic()
    wrong = [] if ended(process, PATIENCE_SECONDS) else ["the command ends well without a head"]
    print(f"  without its head the command ends after {time.monotonic() - began:.0f} s: {last_line(command)}", flush=True)  # fmt: skip
    course.cluster.start_head("one")
    course.cluster.join("four")
    course.cluster.wait_for("one", "four")
    again = replace(command, environment=course.cluster.environment())
    return wrong + expect(ended(again.begin(), PATIENCE_SECONDS), 0, command) + resumed(cell)


def last_line(command: Command) -> str:
    """The last that a command has said."""
    return [line for line in command.said.splitlines() if line.strip()][-1]


def refused_at_once(course: Course, command: Command) -> Wrong:
    """What can never work must not wait: a strange token, and more than any machine has."""
    stranger = course.command("stranger", RAY_AUTH_TOKEN="0" * 64)
    wrong = expect(stranger.run(), 2, stranger)
    large = course.file.with_name("large.yaml")
    large.write_text(course.file.read_text("utf-8").replace("cpus: 1", "cpus: 2"), "utf-8")
    too_large = Command(large, course.folder / "large", command.words, command.before, command.environment)
    wrong += expect(too_large.run(), 4, too_large)
    return wrong + expect(command.run(), 0, command)


SCENES: dict[str, Scene] = {
    "worker": worker_killed, "machine": machine_lost, "command": command_killed, "ctrl-c": ctrl_c,
    "refusals": refused_at_once, "head": head_lost,
}  # fmt: skip


def main(given: argparse.Namespace, folder: Path) -> int:
    """Play the scenes; 1 if a promise breaks, 3 where they cannot be played."""
    if not is_installed("ray"):
        print("ray is not installed here: pip install 'loralab[ray]'", file=sys.stderr)
        return CANNOT
    try:
        enter()
    except OSError as error:
        print(f"a network of its own needs root: {error.strerror}", file=sys.stderr)
        return CANNOT
    assert ways_out() == [], "there is more than the loopback interface"
    short = Path(tempfile.mkdtemp(prefix="ll-"))  # the paths of Ray's sockets may have no more than 107 bytes
    cluster = Cluster(short)
    try:
        return _play(given, folder, cluster)
    finally:
        while left := others():
            kill_each(left)
        shutil.rmtree(short, ignore_errors=True)


def _play(given: argparse.Namespace, folder: Path, cluster: Cluster) -> int:
    os.environ |= {"LORALAB_CACHE": str(folder / "cache"), "LORALAB_LANG": "en", "OMP_NUM_THREADS": "1"}
    file = write_study(
        folder, write_models(folder / "models"), STEPS, SAVE_EVERY, "cluster: {gpus: 0, cpus: 1}\n"
    )
    course = Course(folder, file, Command(file, folder / "whole"), cluster)
    print(f"only lo is there, and no route; the studies are in {folder}", flush=True)
    if code := course.whole.run():
        print(course.whole.said, f"without an engine: exit {code}", sep="\n")
        return 1
    cluster.start_head("one")
    cluster.join("two")
    cluster.wait_for("one", "two")
    well = [_scene(course, name) for name in given.scenes]
    print(f"{sum(well)} of {len(well)} scenes end in the study that no engine had a hand in, bitwise")
    print(f"ways out of the network: {len(ways_out())}; packets that found none: {refused()}")
    return 0 if all(well) and not ways_out() else 1


def _scene(course: Course, name: str) -> bool:
    began, command = time.monotonic(), course.command(name)
    wrong = SCENES[name](course, command)
    cells, more = compared(command.study, course.whole.study)
    wrong += more + threads(command)
    is_well = not wrong and not any(cell.wrong for cell in cells)
    print(f"{name}: {'well' if is_well else 'WRONG'} after {time.monotonic() - began:.0f} s", flush=True)
    for line in (*lines(cells), *wrong):
        print(f"  {line}", flush=True)
    return is_well


def threads(command: Command) -> Wrong:
    """Ray gives a cell as many threads as it asked for processor cores."""
    runs = [s.run for s in map(command.study.standing, command.study.cells()) if s.run]
    found = {run.manifest.get("hardware", {}).get("threads") for run in runs}
    return [] if found == {1} else [f"threads: {sorted(map(str, found))}"]
