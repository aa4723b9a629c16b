"""A run that is told to end (SIGTERM) at random moments: how it ends, how soon, and that it goes on from there."""

from __future__ import annotations

import argparse
import math
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from doubles.job_files import write_job
from doubles.same_run import differences
from doubles.tiny_model import write_tiny_model
from faults.blows import stamp
from faults.forked import Process
from faults.place import place
from faults.spawned import Spawned
from loralab.run.events import Event, read_events
from loralab.run.folder import RunFolder
from loralab.run.view import Run, open_run

MOMENTS = ("start-up", "evaluation before", "training step", "checkpoint", "evaluation after")
MOST_SECONDS = 10.0  # and one micro-batch
SETTINGS = (
    "train.max_steps=4", "train.save_every_steps=2", "lora.rank=64", "evaluate.stages=[before, after]",
    "evaluate.max_new_tokens=8", "evaluate.answers=2", "track.swanlab=offline",
)  # fmt: skip
Start = Callable[[tuple[str | Path, ...], Path], Process]


@dataclass(frozen=True)
class Whole:
    """An uninterrupted run, when it was started, and the command that made it without its folder."""

    run: Run
    began: datetime
    words: tuple[str | Path, ...]

    def when(self, event: Event) -> float:
        """Seconds from the start to an event."""
        return (datetime.fromisoformat(event["time"]) - self.began).total_seconds()

    def seconds_of(self, moment: str) -> float:
        """How long a moment lasts."""
        steps, saved = self.run.record.steps(), self.run.record.of_kind("checkpoint")[0]
        if moment == "start-up":
            return self.when(self.run.record.of_kind("stage_started")[0])
        if moment == "training step":
            return max(event["seconds"] for event in steps)
        if moment == "checkpoint":
            return self.when(saved) - self.when(steps[saved["step"] - 1])
        stage = moment.removeprefix("evaluation ")
        return next(e["seconds"] for e in self.run.record.of_kind("stage_finished") if e["stage"] == stage)

    @property
    def micro_batch_seconds(self) -> float:
        """The longest, taken as an even share of its step."""
        budget = self.run.manifest["engine"].get("budget_tokens") or math.inf
        return max(e["seconds"] / max(1, math.ceil(e["tokens"] / budget)) for e in self.run.record.steps())


@dataclass(frozen=True)
class Told:
    """What a run did that was told to end."""

    moment: str
    after: str
    code: int
    seconds: float
    wrong: tuple[str, ...]


def main(words: Sequence[str]) -> int:
    """Play the rounds, one moment each; 1 if a run did not end as it must or did not go on to the same end."""
    parser = argparse.ArgumentParser(prog="python -m faults sigterm")
    parser.add_argument("--model", type=Path, help="a model folder; without it, a tiny one")
    parser.add_argument("--rounds", type=int, default=len(MOMENTS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args(words)
    folder = place(given.folder)
    config = write_job(folder, (given.model or write_tiny_model(folder / "model")).absolute())
    whole = uninterrupted(("train", config, *SETTINGS), folder)
    most = MOST_SECONDS + whole.micro_batch_seconds
    print(
        f"an uninterrupted run takes {whole.when(whole.run.record.events[-1]):.0f} s; the runs are in {folder}"
    )
    print(
        f"a micro-batch takes {whole.micro_batch_seconds:.2f} s, so a run must end within {most:.1f} s",
        flush=True,
    )
    print(
        "\n| moment | last event before the signal | exit code | seconds to the exit | resumed |\n| --- | --- | --: | --: | --- |"
    )
    rounds = []
    for number in range(given.rounds):
        here = folder / f"round-{number:04d}"
        rounds.append(
            play(whole, MOMENTS[number % len(MOMENTS)], here, Random(f"{given.seed}/{number}"), Spawned)
        )
        print(line(rounds[-1]), flush=True)
        if not rounds[-1].wrong:
            shutil.rmtree(here)
    well = sum(not told.wrong and told.seconds <= most for told in rounds)
    print(
        f"\n{well} of {len(rounds)} end in time and go on to the uninterrupted run, bitwise; the slowest took {max(t.seconds for t in rounds):.1f} s"
    )
    return 0 if well == len(rounds) else 1


def uninterrupted(words: tuple[str | Path, ...], folder: Path) -> Whole:
    """The run that all are compared with."""
    began, log = datetime.now(UTC), folder / "said.txt"
    code = Spawned((*words, f"run.dir={folder / 'whole'}"), log).wait()
    assert code == 0, log.read_text("utf-8")
    return Whole(open_run(folder / "whole" / "0001-job"), began, words)


def line(told: Told) -> str:
    """A row of the table."""
    code = f"{told.code} (143 in a shell)" if told.code == -signal.SIGTERM else str(told.code)
    end = ", ".join(told.wrong) or "to the same end"
    return f"| {told.moment} | {told.after} | {code} | {told.seconds:.1f} | {end} |"


def play(whole: Whole, moment: str, folder: Path, random: Random, start: Start) -> Told:
    """Start a run, tell it to end at a moment, see how it does, and carry it on."""
    folder.mkdir()
    run, log = RunFolder(folder / "0001-job"), folder / "said.txt"
    process = start((*whole.words, f"run.dir={folder}"), log)
    process.wait_until(has_come(moment, run, random.randint(1, len(whole.run.record.steps()) - 1)))
    due = time.monotonic() + random.uniform(0, whole.seconds_of(moment))
    process.wait_until(lambda: time.monotonic() >= due)
    if process.has_ended():
        return Told(moment, "-", process.wait(), 0.0, ("it had ended before the signal",))
    seen = read_events(run.events).events
    began = time.monotonic()
    process.send(signal.SIGTERM)
    code, seconds = process.wait(), time.monotonic() - began
    wrong = [] if code in expected_codes(moment, Run(run).status) else [f"exit code {code}"]
    words = ("resume", run.path) if run.manifest.is_file() else (*whole.words, f"run.dir={folder}")
    if goes_on := start(words, log).wait():
        wrong.append(f"exit code {goes_on} of {words[0]}")
    else:
        wrong += differences(open_run(sorted(folder.glob("0*-job"))[-1]), whole.run)
    return Told(moment, _name(seen), code, seconds, tuple(wrong))


def expected_codes(moment: str, status: str) -> tuple[int, ...]:
    """143; while Python is still starting there is nobody yet to say it, and the signal ends the process itself.

    A run that has made its last answer when it hears the signal has nothing left to be stopped, and finishes.
    """
    if moment == "start-up":
        return (143, -signal.SIGTERM)
    return (0,) if status == "finished" else (143,)


def _name(events: Sequence[Event]) -> str:
    if not events:
        return "none"
    last = events[-1]
    return " ".join(str(last[key]) for key in ("kind", "stage", "step") if key in last)


def has_come(moment: str, run: RunFolder, step: int) -> Callable[[], bool]:
    """Whether a moment has begun: an event of the run says so, or a checkpoint that is being written."""
    stage, mark, come = moment.removeprefix("evaluation "), None, False

    def look() -> bool:
        nonlocal mark, come
        if moment == "start-up":
            return True
        if moment == "checkpoint":
            return any(run.checkpoints.glob(".*"))
        if stamp(run.events) != mark:
            mark = stamp(run.events)
            events = read_events(run.events).events
            come = any(
                e["kind"] == "step" and e["step"] == step
                if moment == "training step"
                else e["kind"] == "stage_started" and e["stage"] == stage
                for e in events
            )
        return come

    return look
