"""A seed in, a run that was killed a few times and carried on out, compared with one that was not."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from doubles.same_run import differences
from faults.blows import Blow, Extent, draw, preparation, read, strike
from faults.forked import Forked
from loralab.run.folder import RunFolder
from loralab.run.view import Run, open_run

LEFTOVERS = ("**/.*.tmp", "**/.*.old")


@dataclass
class Outcome:
    """What a round did to its run, and what came of it."""

    blows: Counter[str] = field(default_factory=Counter)
    damages: Counter[str] = field(default_factory=Counter)
    restarts: int = 0  # killed before there was anything to carry on
    lost: int = 0  # events that had been on disk, and are not there any more
    has_gap: bool = False  # in the seq of the events at the end
    wrong: list[str] = field(default_factory=list)

    @property
    def is_well(self) -> bool:
        """Whether nothing was lost and the run is the uninterrupted one."""
        return not self.lost and not self.wrong


@dataclass(frozen=True)
class Course:
    """What every round runs: a config, the folder for its run, an uninterrupted run of it, and how much that takes."""

    config: Path
    folder: Path
    whole: Run
    extent: Extent

    @property
    def run(self) -> RunFolder:
        """The newest run folder of this round; the first if there is none yet."""
        found = sorted(self.folder.glob("0*-*"))
        return RunFolder(found[-1] if found else self.folder / self.whole.id)

    def command(self) -> tuple[str | Path, ...]:
        """What a user would type next: resume if there is a run to be carried on, else train."""
        if self.run.manifest.is_file():
            return ("resume", self.run.path)
        return ("train", self.config, f"run.dir={self.folder}")

    @property
    def log(self) -> Path:
        """What the commands of this round said."""
        return self.folder / "said.txt"


def play(course: Course, random: Random) -> Outcome:
    """Kill a run one to three times, damage what a kill may damage, carry it on to its end, and look at it."""
    outcome, kept = Outcome(), b""
    course.folder.mkdir(parents=True)
    for _ in range(random.randint(1, 3)):
        code, acknowledged = _hit(course, draw(random, course.extent), outcome)
        if code == 0:
            break
        kept = _kept(course, kept, acknowledged, outcome)
        if random.random() < 0.4:
            _damage(course.run, random, outcome)
    code = Forked(course.command(), course.log).wait()
    if code:
        outcome.wrong.append(f"exit code {code}")
        return outcome
    _kept(course, kept, b"", outcome)
    run = open_run(course.run.path)
    outcome.has_gap = [e["seq"] for e in run.record.events] != list(range(len(run.record.events)))
    outcome.wrong += differences(run, course.whole)
    outcome.wrong += [f"left over: {p.name}" for glob in LEFTOVERS for p in course.run.path.glob(glob)]
    return outcome


def _hit(course: Course, blow: Blow, outcome: Outcome) -> tuple[int, bytes]:
    """One command and one blow: how it ended, and what was on disk just before."""
    command = course.command()
    outcome.restarts += bool(command[0] == "train" and outcome.blows)
    process = Forked(command, course.log, preparation(blow, course.folder))
    acknowledged = strike(process, blow, lambda: course.run.events)
    assert process.code is not None
    if process.code == -9:
        outcome.blows[blow.kind] += 1
    elif process.code:
        outcome.wrong.append(f"exit code {process.code} at {blow}")
    return process.code, acknowledged


def _kept(course: Course, kept: bytes, acknowledged: bytes, outcome: Outcome) -> bytes:
    """The whole lines on disk, after counting what of the earlier ones is not among them, byte for byte."""
    now = whole_lines(read(course.run.events))
    for earlier in (kept, whole_lines(acknowledged)):
        outcome.lost += lost_lines(earlier, now)
    return now


def lost_lines(earlier: bytes, now: bytes) -> int:
    """How many lines at the end of `earlier` are not in `now` at their place, byte for byte."""
    if now.startswith(earlier):
        return 0
    pairs = zip(earlier.split(b"\n"), now.split(b"\n"), strict=False)
    same = next((i for i, (a, b) in enumerate(pairs) if a != b), now.count(b"\n"))
    return earlier.count(b"\n") - same


def whole_lines(data: bytes) -> bytes:
    """What is not torn."""
    return data[: data.rfind(b"\n") + 1]


def _damage(run: RunFolder, random: Random, outcome: Outcome) -> None:
    """A torn last event, or a newest checkpoint of which a file is cut, changed or gone; of a run that is not finished."""
    if Run(run).status == "finished":
        return
    checkpoints = sorted(run.checkpoints.glob("step-*"))
    kind = random.choice(("torn", "cut", "changed", "gone"))
    if kind == "torn" and run.events.is_file():
        with run.events.open("ab") as stream:
            stream.write('{"seq": 99, "kind": "note", "message": "被撕'.encode()[:-1])
    elif kind != "torn" and checkpoints:
        _spoil(random.choice(sorted(checkpoints[-1].iterdir())), kind, random)
    else:
        return
    outcome.damages[kind] += 1


def _spoil(path: Path, kind: str, random: Random) -> None:
    data = bytearray(path.read_bytes())
    place = random.randrange(len(data))
    if kind == "gone":
        path.unlink()
    elif kind == "cut":
        path.write_bytes(data[:place])
    else:
        data[place] ^= 0xFF
        path.write_bytes(data)


def sweep(course: Course, outcome: Outcome) -> None:
    """Remove the folder of a round that went well; that of another stays to be looked at."""
    if outcome.is_well:
        shutil.rmtree(course.folder)
