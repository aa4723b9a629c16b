"""Rounds in which the disk of a run loses its power: what had been synced must be there, and the run must come to its end."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from doubles.same_run import differences
from faults.blows import Blow, counting, draw, read, stamp
from faults.failing_disk import as_seen_by, copy_out, cut_power, is_in, make_disk, put_in, why_not
from faults.forked import Forked, nothing
from faults.kills import prepare, round_folder
from faults.place import place
from faults.rounds import Course, lost_lines, whole_lines
from loralab.run.events import parse_event
from loralab.run.folder import RunFolder
from loralab.run.view import open_run


@dataclass
class Found:
    """What became of a run whose disk lost its power."""

    cuts: int = 0
    lost: int = 0  # events that had been synced, and are not there any more
    gone: int = 0  # events that had been written, but not synced: at most those of a second
    wrong: list[str] = field(default_factory=list)


def main(words: Sequence[str]) -> int:
    """Play the rounds; 1 if a synced event was lost or a run did not come to the same end."""
    parser = argparse.ArgumentParser(prog="python -m faults power")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args(words)
    folder = place(given.folder)
    if reason := why_not(folder):
        print(f"not checked on this machine: {reason}")
        return 1
    course, all_found, began = prepare(folder), [], time.monotonic()
    print(f"an uninterrupted run: {course.extent}; the runs are in {folder}", flush=True)
    for number in range(given.rounds):
        found = play(course, round_folder(folder, number), Random(f"{given.seed}/{number}"))
        all_found.append(found)
        if found.lost or found.wrong:
            print(f"round {number}: {found}; see {round_folder(folder, number)}", flush=True)
        else:
            shutil.rmtree(round_folder(folder, number))
    return conclude(all_found, time.monotonic() - began)


def conclude(all_found: Sequence[Found], seconds: float) -> int:
    """The sums; 1 if anything is not as it must be."""
    well = sum(not (found.lost or found.wrong) for found in all_found)
    print(f"{sum(f.cuts for f in all_found)} cuts of power in {len(all_found)} rounds, {seconds:.0f} s")
    print(f"step events written but not synced, and gone: {sum(f.gone for f in all_found)}")
    print(
        f"{well} of {len(all_found)} rounds end in the uninterrupted run, bitwise;"
        f" synced events lost: {sum(f.lost for f in all_found)}"
    )
    return 0 if well == len(all_found) else 1


def play(course: Course, folder: Path, random: Random) -> Found:
    """Cut the power once or twice, carry the run on to its end, and look at it."""
    found, disk = Found(), folder / "disk"
    disk.mkdir(parents=True)
    image, log = make_disk(folder / "disk.img"), folder / "said.txt"
    for _ in range(random.randint(1, 2)):
        words = _command(course, disk, folder / "after")
        first = read(_newest(folder / "after").events).count(b"\n")
        synced, written = _cut(words, log, image, disk, draw(random, course.extent), first, found)
        copy_out(image, disk, folder / "after")
        _count(synced, written, read(_newest(folder / "after").events), found)
    words = _command(course, disk, folder / "after")
    code = Forked(words, log, before=lambda: put_in(image, disk)).wait()
    copy_out(image, disk, folder / "after")
    if code:
        found.wrong.append(f"exit code {code}")
    else:
        found.wrong += differences(open_run(_newest(folder / "after").path), course.whole)
    return found


def _newest(folder: Path) -> RunFolder:
    runs = sorted(folder.glob("0*-*")) if folder.is_dir() else []
    return RunFolder(runs[-1] if runs else folder / "0001-job")


def _command(course: Course, disk: Path, after: Path) -> tuple[str | Path, ...]:
    """What a user would type next, from what is on the disk."""
    if _newest(after).manifest.is_file():
        return ("resume", disk / _newest(after).path.name)
    return ("train", course.config, f"run.dir={disk}")


def _cut(
    words: tuple[str | Path, ...], log: Path, image: Path, disk: Path, blow: Blow, first: int, found: Found
) -> tuple[bytes, bytes]:
    """Run a command until its disk fails, and end it; the events that a reader knew to be synced, and all that it saw."""
    process = Forked(words, log, before=lambda: (put_in(image, disk), _at_a_change(blow, disk)()))
    began, seen, mark = time.monotonic(), b"", None

    def has_come() -> bool:
        nonlocal seen, mark
        if not is_in(as_seen_by(process.pid, disk)):
            return False
        events = _newest(as_seen_by(process.pid, disk)).events
        if stamp(events) != mark:
            mark, seen = stamp(events), read(events)
        passed = seen.count(b"\n") - first if blow.kind == "lines" else time.monotonic() - began
        return blow.kind != "files" and passed >= blow.amount

    process.wait_until(has_come)
    if process.code is None:
        cut_power(as_seen_by(process.pid, disk))
        found.cuts += 1
        process.kill()
    found.cuts += process.wait() == -signal.SIGKILL and blow.kind == "files"
    return synced_lines(seen), whole_lines(seen)


def _at_a_change(blow: Blow, disk: Path) -> Callable[[], None]:
    """For the child: cut the power at the so-manieth change of a file, which falls inside the writing of one."""
    if blow.kind != "files":
        return nothing

    def at(number: int) -> None:
        if number == blow.amount:
            cut_power(disk)
            os.kill(os.getpid(), signal.SIGKILL)

    return counting(disk, at)


def synced_lines(seen: bytes) -> bytes:
    """The events up to the last that is synced on writing and has one behind it: only then had its sync come to an end."""
    lines = whole_lines(seen).splitlines(keepends=True)
    kinds = [(parse_event(line) or {"kind": "step"})["kind"] for line in lines]
    last = max((i for i, kind in enumerate(kinds[:-1]) if kind != "step"), default=-1)
    return b"".join(lines[: last + 1])


def _count(synced: bytes, written: bytes, now: bytes, found: Found) -> None:
    found.lost += lost_lines(synced, now)
    found.gone += lost_lines(written, now) - lost_lines(synced, now)
