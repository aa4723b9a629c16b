"""Every fault of a tracker on the product: a table of what came of the run, of its mirror, and what the sinks cost."""

from __future__ import annotations

import argparse
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from doubles.fake_cloud import cloud, texts_of
from doubles.tiny_model import write_tiny_model
from faults.failing_disk import why_not
from faults.meter import Meter, read_meters
from faults.place import place
from faults.scene import KEY, Row, Scene, play
from faults.small_job import make_small_job
from faults.swanlab_rows import is_possible, rows
from loralab import api
from loralab.run.view import Run
from loralab.track.fanout import SinkFailed
from loralab.track.verify import Mirror, expected, verify

MOST_CLOSE_SECONDS = 15.0
MOST_SHARE = 0.01
WIDTH = 88
HEAD = "| fault | run | events | mirror at the end | close | sinks' CPU in a step | what was said | after `loralab sync` |"


@dataclass(frozen=True)
class Result:
    """What came of a row."""

    fault: str
    status: str
    codes: tuple[int, ...]
    steps: int
    gaps: int
    mirror: Mirror
    said: str
    meter: Meter
    repaired: Mirror
    sent: str

    @property
    def share(self) -> float:
        """Of the CPU time of a step, the part that went into handing events to sinks, on the thread that trains."""
        return self.meter.sink_seconds / self.meter.step_seconds

    @property
    def wrong(self) -> list[str]:
        """Which promise was not kept."""
        kept = {
            "the run did not finish": self.status == "finished",
            "events are missing": self.steps == 10 and not self.gaps,
            "closing took too long": self.meter.close_seconds <= MOST_CLOSE_SECONDS,
            "sinks took too much of a step": self.meter.steps > 0 and self.share < MOST_SHARE,
            "what is missing was not said": self.mirror.whole or bool(self.said),
            "sync did not make it whole": self.repaired.whole and "not" not in self.sent,
        }
        return [words for words, is_kept in kept.items() if not is_kept]

    def line(self) -> str:
        """The row of the table."""
        parts = (
            self.fault, f"{self.status}, exit {', '.join(map(str, self.codes))}",
            f"{self.steps} of 10 steps, {self.gaps} gaps", _counts(self.mirror), f"{self.meter.close_seconds:.1f} s",
            f"{self.share:.2%}", self.said[:WIDTH] or "-", f"{_counts(self.repaired)}; {self.sent}",
        )  # fmt: skip
        return f"| {' | '.join(parts)} |"


def main(words: Sequence[str]) -> int:
    """Play all rows; 1 if a promise was not kept in one of them."""
    parser = argparse.ArgumentParser(prog="python -m faults swanlab")
    parser.add_argument("--only", nargs="+", default=[""], help="rows whose fault has one of these texts")
    parser.add_argument("--folder", type=Path, help="where the runs go; those that went wrong stay there")
    given = parser.parse_args(words)
    folder, began, results = place(given.folder), time.monotonic(), []
    config, why_no_disk = make_small_job(folder, write_tiny_model(folder / "model")).config, why_not(folder)
    print(f"the runs are in {folder}\n\n{HEAD}\n|{' --- |' * HEAD.count(' |')}", flush=True)
    for number, row in enumerate(rows()):
        if not any(text in row.fault for text in given.only):
            continue
        if is_possible(row, why_no_disk):
            results.append(look(row, config, folder / f"row-{number:02d}"))
            print(results[-1].line(), flush=True)
            for wrong in results[-1].wrong:
                print(f"  WRONG: {wrong}; see {folder / f'row-{number:02d}'}", flush=True)
            if not results[-1].wrong:
                shutil.rmtree(folder / f"row-{number:02d}")
        else:
            print(
                f"| {row.fault} | not checked on this machine: {why_no_disk or 'swanboard is here'} |",
                flush=True,
            )
    return conclude(results, time.monotonic() - began)


def conclude(results: Sequence[Result], seconds: float) -> int:
    """The sums; 1 if anything is not as it must be."""
    well = sum(not result.wrong for result in results)
    print(
        f"\n{well} of {len(results)} rows as promised, {seconds:.0f} s; longest close"
        f" {max(r.meter.close_seconds for r in results):.1f} s, largest share {max(r.share for r in results):.2%};"
        f" a step takes {_step(results) * 1000:.0f} ms of CPU"
    )
    return 0 if well == len(results) else 1


def _step(results: Sequence[Result]) -> float:
    return sum(r.meter.step_seconds for r in results) / max(1, sum(r.meter.steps for r in results))


def look(row: Row, config: Path, folder: Path) -> Result:
    """Play one row and look at what is left; then let `sync` send what is missing to a server that is well."""
    scene, run = play(row, config, folder)
    events, mirror = run.record.events, verify(run)
    steps = [e["step"] for e in run.record.steps()]
    failures = [e["error"] for e in events if e["kind"] == "sink_failed"]
    said = failures[0] if failures else _said(scene)
    row.mend(scene)
    sent = _sync(run, online=row.mode == "online")
    return Result(
        row.fault, run.status, tuple(scene.codes), len(steps) if steps == list(range(1, len(steps) + 1)) else 0,
        _gaps([e["seq"] for e in events]), mirror, said, read_meters(folder), verify(Run(run.folder)), sent,
    )  # fmt: skip


def _gaps(seqs: Sequence[int]) -> int:
    return sum(seq != number for number, seq in enumerate(seqs))


def _said(scene: Scene) -> str:
    """What the last command told of the mirror."""
    lines = (scene.folder / "said.txt").read_text("utf-8").splitlines()
    return next(
        (line.partition(", ")[2] for line in reversed(lines) if line.startswith("mirror swanlab")), ""
    )


def _sync(run: Run, online: bool) -> str:
    """Replay the events; of a run that is to be on a server, whether one that had nothing then holds every point and text."""
    with cloud() as server:
        with mock.patch.dict(os.environ, {"SWANLAB_API_KEY": KEY, "SWANLAB_API_HOST": server.address}):
            try:
                api.sync(run, "online" if online else "offline")
            except SinkFailed as failed:
                return f"not sent: {failed}"
        if not online:
            return "here"
        (experiment,) = server.experiments.values()
        scalars, texts = expected(Run(run.folder))
        found = sum(_shown(value) == experiment.scalars.get(place) for place, value in scalars.items())
        whole = found == len(scalars) == len(experiment.scalars) and texts_of(server, experiment) == texts
        return "all of it on a server" if whole else f"not all on a server: {found} of {len(scalars)} points"


def _shown(value: float) -> Any:
    """A number as SwanLab sends it."""
    return value if abs(value) < float("inf") else "nan"


def _counts(mirror: Mirror) -> str:
    points, texts = mirror.scalars_expected, mirror.texts_expected
    return f"{mirror.scalars_found}/{points} points, {mirror.texts_found}/{texts} texts"
