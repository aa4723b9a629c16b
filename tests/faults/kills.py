"""Rounds of kills from the command line: one line each, and at the end how many events were lost."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from random import Random

from doubles.tiny_model import write_tiny_model
from faults.blows import Extent, counting
from faults.forked import Forked
from faults.place import place
from faults.rounds import Course, Outcome, play, sweep
from faults.small_job import make_small_job
from loralab.run.view import open_run


def main(words: Sequence[str]) -> int:
    """Play the rounds; 1 if an event was lost or a run did not come to the same end."""
    parser = argparse.ArgumentParser(prog="python -m faults kills")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=min(os.cpu_count() or 1, 4), help="rounds at a time")
    parser.add_argument("--folder", type=Path, help="where the runs go; those that went wrong stay there")
    given = parser.parse_args(words)
    folder, outcomes, began = place(given.folder), [], time.monotonic()
    course = prepare(folder)
    print(f"an uninterrupted run: {course.extent}; the runs are in {folder}", flush=True)
    for number, outcome in played(course, given.rounds, given.seed, given.jobs):
        outcomes.append(outcome)
        tell(len(outcomes), given.rounds, outcomes, time.monotonic() - began)
        if not outcome.is_well:
            print(f"\nround {number}: {outcome}; see {round_folder(folder, number)}", flush=True)
    return conclude(outcomes, time.monotonic() - began)


def prepare(folder: Path) -> Course:
    """The uninterrupted run: once here, so that every import is made, and once in a fork, to be compared with."""
    config = make_small_job(folder, write_tiny_model(folder / "model")).config
    count, target, began = folder / "count.txt", folder / "whole", time.monotonic()
    seen = [0]
    process = Forked(
        ("train", config, f"run.dir={target}"), folder / "said.txt",
        counting(target, lambda number: seen.__setitem__(0, number)), lambda: _put(count, seen[0]),
    )  # fmt: skip
    assert process.wait() == 0, (folder / "said.txt").read_text("utf-8")
    seconds, run = time.monotonic() - began, open_run(target / "0001-job")
    extent = Extent(len(run.record.events), seconds, int(count.read_text("utf-8")))
    return Course(config, folder, run, extent)


def _put(path: Path, number: int) -> None:
    path.write_text(str(number), "utf-8")


def round_folder(folder: Path, number: int) -> Path:
    """Where the runs of a round are."""
    return folder / f"round-{number:04d}"


def played(course: Course, rounds: int, seed: int, jobs: int) -> Iterator[tuple[int, Outcome]]:
    """The rounds as they come to their end, some at a time: each in a fork of this process, where torch is loaded."""
    with ProcessPoolExecutor(jobs, mp_context=get_context("fork")) as workers:
        waiting = {workers.submit(play_round, course, seed, number): number for number in range(rounds)}
        for done in as_completed(waiting):
            yield waiting[done], done.result()


def play_round(course: Course, seed: int, number: int) -> Outcome:
    """One round, drawn by its number; its folder stays only if it went wrong."""
    here = Course(course.config, round_folder(course.folder, number), course.whole, course.extent)
    outcome = play(here, Random(f"{seed}/{number}"))
    sweep(here, outcome)
    return outcome


def tell(done: int, rounds: int, outcomes: list[Outcome], seconds: float) -> None:
    """One line that is drawn over on a terminal; elsewhere one line every ten rounds."""
    live = sys.stdout.isatty()
    if not live and done % 10 and done != rounds:
        return
    well, kills = sum(o.is_well for o in outcomes), total(outcomes, "blows")
    print(
        f"round {done}/{rounds}: {well} well, {sum(kills.values())} kills,"
        f" {sum(o.lost for o in outcomes)} events lost, {seconds / done:.1f} s a round",
        end="\r" if live else "\n",
        flush=True,
    )


def conclude(outcomes: list[Outcome], seconds: float) -> int:
    """The sums; 1 if anything is not as it must be."""
    well, lost = sum(o.is_well for o in outcomes), sum(o.lost for o in outcomes)
    print(f"\nkills by moment: {dict(total(outcomes, 'blows'))}; damages: {dict(total(outcomes, 'damages'))}")
    print(f"started anew, killed before there was a record: {sum(o.restarts for o in outcomes)}")
    print(f"runs with a gap in seq: {sum(o.has_gap for o in outcomes)}; {seconds / 60:.1f} minutes in all")
    print(f"{well} of {len(outcomes)} rounds end in the uninterrupted run, bitwise; events lost: {lost}")
    return 0 if well == len(outcomes) else 1


def total(outcomes: list[Outcome], name: str) -> Counter[str]:
    """The sum of a counter over all rounds."""
    return sum((getattr(o, name) for o in outcomes), Counter())
