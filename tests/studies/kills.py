"""A study and a seed in, the study killed at random moments and carried on by the same command out."""

from __future__ import annotations

import argparse
import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from loralab.study.folder import StudyFolder
from studies.processes import Command, kill, wait_until
from studies.study_files import write_models, write_study
from studies.watched import Seen, Trained, compared, finished_files, lines, num_events, touched

EARLIEST, LATEST = 0.05, 0.85  # of all events: later there may be nothing left to kill


@dataclass(frozen=True)
class Blow:
    """When the study is killed: after this share of all events, and so many seconds more.

    With its trainer, as when a machine goes down, or alone, so that the trainer trains on.
    """

    share: float
    seconds: float
    with_trainer: bool

    def __str__(self) -> str:
        whom = "with its trainer" if self.with_trainer else "and its trainer left alive"
        return f"after {self.share:.0%} of the events and {self.seconds:.1f} s, {whom}"


@dataclass
class Outcome:
    """What was done to the study, and what came of it."""

    landed: list[Blow] = field(default_factory=list)
    cells: list[Trained] = field(default_factory=list)
    untouched: int = 0  # files of finished cells
    wrong: list[str] = field(default_factory=list)

    @property
    def is_well(self) -> bool:
        """Whether every promise is kept."""
        return not self.wrong and not any(cell.wrong for cell in self.cells)


def draw(random: Random, number: int, cell_seconds: float) -> list[Blow]:
    """Moments in the order of time; the first of them hits the trainer too, the others as it falls.

    Half of them come at once, among the events; the seconds of the others reach into the loading of a model, in
    which no event is written.
    """
    shares = sorted(random.uniform(EARLIEST, LATEST) for _ in range(number))
    return [
        Blow(
            share,
            random.choice((0.0, random.uniform(0, cell_seconds / 2))),
            with_trainer=not i or random.random() < 0.5,
        )
        for i, share in enumerate(shares)
    ]


def play(command: Command, whole: StudyFolder, blows: Sequence[Blow]) -> Outcome:
    """Kill the study at each moment, start it again each time, and compare it with one that was left alone."""
    outcome, finished, all_events = Outcome(), Seen(), num_events(whole)
    for blow in blows:
        process = command.begin()
        if not _strike(command, process, blow, all_events):
            outcome.wrong.append(f"the study ended before it could be killed {blow}: take another seed")
            break
        outcome.landed.append(blow)
        finished |= {
            path: state for path, state in finished_files(command.study).items() if path not in finished
        }
    code = command.run()
    if code:
        outcome.wrong.append(f"exit {code}: {command.said[-2000:]}")
    outcome.untouched = len(finished)
    outcome.wrong += [f"touched after it had finished: {path}" for path in touched(finished)]
    outcome.cells, wrong = compared(command.study, whole)
    outcome.wrong += wrong
    begun = sum(cell.attempts for cell in outcome.cells)
    if begun > len(outcome.cells) + len(outcome.landed):
        outcome.wrong.append(f"{len(outcome.landed)} kills, and cells were begun {begun} times")
    return outcome


def _strike(command: Command, process: subprocess.Popen[bytes], blow: Blow, all_events: int) -> bool:
    """Wait for the moment and kill; False if the study ends before it."""
    if not wait_until(lambda: num_events(command.study) >= blow.share * all_events, process):
        return False
    moment = time.monotonic() + blow.seconds
    if not wait_until(lambda: time.monotonic() >= moment, process):
        return False
    kill(process, command.study, blow.with_trainer)
    return True


def main(given: argparse.Namespace, folder: Path) -> int:
    """An uninterrupted study first, which says how much there is to it, then the killed one; 1 if a promise breaks."""
    os.environ["LORALAB_CACHE"] = str(folder / "cache")
    models = [*write_models(folder / "models"), *(Path(path).absolute() for path in given.model)]
    file = write_study(folder, models, given.steps, save_every=1)
    whole, command = Command(file, folder / "whole"), Command(file, folder / "killed")
    began = time.monotonic()
    if code := whole.run():
        print(whole.said, f"the uninterrupted study: exit {code}", sep="\n")
        return 1
    seconds, num_cells = time.monotonic() - began, len(whole.study.cells())
    print(f"{num_cells} cells, uninterrupted: {seconds:.0f} s; seed {given.seed}; in {folder}", flush=True)
    blows = draw(Random(given.seed), given.kills, seconds / num_cells)
    outcome = play(command, whole.study, blows)
    tell(outcome)
    print(f"{time.monotonic() - began:.0f} s in all")
    return 0 if outcome.is_well else 1


def tell(outcome: Outcome) -> None:
    """What was done, cell by cell what came of it, and what is wrong."""
    for blow in outcome.landed:
        print(f"killed {blow}")
    print(*lines(outcome.cells), sep="\n")
    well = sum(not cell.wrong for cell in outcome.cells)
    begun, again = sum(c.attempts for c in outcome.cells), sum(c.again for c in outcome.cells)
    print(f"{well} of {len(outcome.cells)} cells end as in the uninterrupted study, bitwise; begun {begun} times, {again} steps"
          f" made again; {outcome.untouched} files of finished cells seen before a restart, none of them touched by it"
          if not outcome.wrong else f"{well} of {len(outcome.cells)} cells end as in the uninterrupted study")  # fmt: skip
    print(
        "one report; its table is that of the uninterrupted study"
        if not outcome.wrong
        else "\n".join(outcome.wrong)
    )
