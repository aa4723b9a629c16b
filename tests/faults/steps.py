"""Ten thousand steps through the SwanLab mirror, fed or trained: what arrives, in what time and memory."""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from doubles.fake_cloud import cloud
from doubles.job_files import write_job
from doubles.tiny_model import write_tiny_model
from faults.forked import Forked
from faults.meter import Meter, read_meters
from faults.place import place
from faults.scene import KEY, children_of
from faults.small_job import make_small_job
from loralab.run.events import EventWriter, parse_event
from loralab.run.folder import RunFolder
from loralab.run.view import Run
from loralab.track import Fanout, SwanLabSink
from loralab.track.verify import expected, verify

EARLY_STEPS = 1000
WATCHED_SECONDS = 0.25


@dataclass
class Memory:
    """Resident MiB of the run and of the tracker's process: once they have begun, and at most after that."""

    early: dict[str, float] = field(default_factory=dict)
    most: dict[str, float] = field(default_factory=dict)

    def note(self, step: int, resident: dict[str, float]) -> None:
        """Take one look."""
        if step < EARLY_STEPS:
            return
        self.early = {**resident, **self.early}
        self.most = {name: max(mib, self.most.get(name, 0.0)) for name, mib in resident.items()} | {
            name: mib for name, mib in self.most.items() if name not in resident
        }

    def __str__(self) -> str:
        return ", ".join(
            f"{name} {self.early[name]:.0f} then at most {self.most[name]:.0f}" for name in self.early
        )


def main(words: Sequence[str]) -> int:
    """Make the runs; 1 if a point is missing or an event was dropped."""
    parser = argparse.ArgumentParser(prog="python -m faults steps")
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--modes", nargs="+", default=["offline", "online"])
    parser.add_argument("--rate", type=float, default=100.0, help="steps a second, where none is trained")
    parser.add_argument(
        "--train", action="store_true", help="train them, on a tiny model (off is a mode then, too)"
    )
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args(words)
    folder = place(given.folder)
    config = long_job(folder) if given.train else None
    print(f"{given.steps} steps; the runs are in {folder}", flush=True)
    return max([one(config, folder / mode, mode, given.steps, given.rate) for mode in given.modes])


def long_job(folder: Path) -> Path:
    """A config with rows for 2,000 steps an epoch and no questions; all imports are made."""
    model = write_tiny_model(folder / "model")
    make_small_job(folder, model)
    (folder / "long").mkdir()
    config = write_job(folder / "long", model)
    lines = [
        json.dumps({"input": f"第 {i} 问", "output": f"答 {i}"}, ensure_ascii=False) for i in range(2004)
    ]
    (folder / "long" / "rows.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    return config


def one(config: Path | None, folder: Path, mode: str, steps: int, rate: float) -> int:
    """One run in one mode, of a config or of nothing but events; its lines, and 1 if anything is missing."""
    run = RunFolder(folder / "0001-job")
    run.path.mkdir(parents=True) if config is None else folder.mkdir()
    with cloud() as server:
        began, meter = time.monotonic(), Meter()

        def before() -> None:
            server.socket.close()
            os.environ |= {"SWANLAB_API_HOST": server.address, "SWANLAB_API_KEY": KEY}
            meter.install(lambda event: None)
            if config is None:
                feed(run, mode, steps, rate)

        words = ("--version",) if config is None else (
            "train", config, f"run.dir={folder}", f"track.swanlab={mode}", f"train.max_steps={steps}",
             "train.batch_rows=1", "train.accumulate=1", "train.save_every_steps=1000000", "train.keep_checkpoints=1",
             "evaluate.stages=[]", "evaluate.answers=0",
        )  # fmt: skip
        process = Forked(words, folder / "said.txt", before, lambda: meter.write(folder / "meter-0.json"))
        memory = watched(process, run.events)
        assert process.wait() == 0, (folder / "said.txt").read_text("utf-8")
        seconds = time.monotonic() - began
        missing = tell(mode, Run(run), read_meters(folder), memory, seconds)
        return max(missing, at_the_server(Run(run), server) if mode == "online" else 0)


def feed(run: RunFolder, mode: Any, steps: int, rate: float) -> None:
    """As a training run would: each step recorded and handed on, evenly in time."""
    writer = EventWriter(run.events)
    fanout = Fanout(
        [SwanLabSink(mode, "p", "t", {})], run,
        lambda sink, error, lost: writer.append("sink_failed", sink=sink, error=error, events_lost=lost),
    )  # fmt: skip
    fanout.publish(writer.append("run_started"))
    began = time.monotonic()
    for step in range(1, steps + 1):
        time.sleep(max(0.0, began + step / rate - time.monotonic()))
        fanout.publish(
            writer.append("step", step=step, epoch=step / steps, loss=1 / step, grad_norm=2.0, learning_rate=1e-4,
                          tokens=300, label_tokens=100, rows=4, seconds=0.5, peak_bytes=2**30)
        )  # fmt: skip
    fanout.publish(writer.append("run_finished", reason="done", seconds=time.monotonic() - began))
    fanout.close("finished")
    writer.close()


def watched(process: Forked, events: Path) -> Memory:
    """Look at a run and its tracker again and again until they end."""
    memory = Memory()
    while not process.has_ended():
        resident = {"the run": resident_mib(process.pid)}
        if trackers := children_of(process.pid):
            resident["SwanLab"] = sum(map(resident_mib, trackers))
        memory.note(last_step(events), resident)
        time.sleep(WATCHED_SECONDS)
    return memory


def resident_mib(pid: int) -> float:
    """What a process holds in memory; 0 if it has ended."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def last_step(events: Path) -> int:
    """The step of the last event that has one."""
    if not events.is_file():
        return 0
    with events.open("rb") as stream:
        stream.seek(max(0, events.stat().st_size - 4096))
        found = [parse_event(line) for line in stream.read().split(b"\n")]
    return max((int(event["step"]) for event in found if event and event["kind"] == "step"), default=0)


def tell(mode: str, run: Run, meter: Meter, memory: Memory, seconds: float) -> int:
    """What became of a run and its mirror; 1 if anything is missing."""
    steps, failed = len(run.record.steps()), [e["error"] for e in run.record.of_kind("sink_failed")]
    print(
        f"\n{mode}: {steps} steps, {run.status}, {seconds:.0f} s in all; closing the sinks {meter.close_seconds:.1f} s;"
        f" handing a step to them {meter.sink_seconds / meter.steps * 1e6:.0f} us of CPU\n"
        f"  events waiting for a sink: at most {meter.most_waiting}; sinks that failed: {failed or 'none'}\n"
        f"  resident MiB after {EARLY_STEPS} steps: {memory}",
        flush=True,
    )
    if mode == "off":
        return int(run.status != "finished")
    mirror = verify(run)
    print(f"  on this machine: {mirror.scalars_found} of {mirror.scalars_expected} points", flush=True)
    return int(run.status != "finished" or not mirror.whole or bool(failed))


def at_the_server(run: Run, server: object) -> int:
    """How much of the run has arrived; 1 if not all of it has."""
    (experiment,) = server.experiments.values()  # type: ignore[attr-defined]
    points = expected(run)[0]
    found = sum(experiment.scalars.get(place) == value for place, value in points.items())
    print(f"  at the server: {found} of {len(points)} points, {experiment.sent} sent", flush=True)
    return int(found != len(points))
