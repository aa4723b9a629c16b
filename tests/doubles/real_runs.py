"""A tiny model in, runs out that were really trained: one that finishes, one that diverges, one that waits between steps."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import loralab
from doubles.job_files import write_rows
from loralab.config import make_config
from loralab.errors import RunFailed
from loralab.run.view import Run, open_run
from loralab.train.stop import StopRequest

PATIENCE_SECONDS = 90.0
FAR_TOO_HIGH = "1e30"  # the first update ruins the weights


def config_of(runs: Path, model: Path, name: str, *overrides: str) -> Any:
    """2 epochs of 4 steps, 3 stages of 2 answers."""
    runs.mkdir(parents=True, exist_ok=True)
    rows = write_rows(runs.parent / "rows.jsonl")
    base = {
        "model.name": model, "data.train": rows, "data.test": 4, "data.probes": 2, "train.batch_rows": 5,
        "train.accumulate": 1, "train.learning_rate": "1e-2", "train.engine": "plain", "lora.rank": 4,
        "evaluate.max_new_tokens": 4, "evaluate.answers": 2, "evaluate.general": "false", "track.swanlab": "off",
        "run.dir": runs, "run.name": name,
    }  # fmt: skip
    given = {override.partition("=")[0] for override in overrides}
    return make_config([*(f"{k}={v}" for k, v in base.items() if k not in given), *overrides])


def finished_run(runs: Path, model: Path) -> Run:
    """A run from its first event to its last."""
    return loralab.train(config_of(runs, model, "real"))


def diverged_run(runs: Path, model: Path) -> Run:
    """A run whose held-out loss is no number after its only step, which is an epoch, and that failed in the next one."""
    config = config_of(
        runs, model, "real-diverged", f"train.learning_rate={FAR_TOO_HIGH}", "train.batch_rows=24",
    )  # fmt: skip
    with pytest.raises(RunFailed, match="not finite"):
        loralab.train(config)
    return open_run(next(runs.glob("*-real-diverged")))


@dataclass
class Held(StopRequest):
    """A request to stop that stops nothing, and lets a run wait after a number of steps."""

    events: Path = Path()
    until: int = 0
    moved: threading.Condition = field(default_factory=threading.Condition)
    waits: threading.Event = field(default_factory=threading.Event)

    def between_steps(self) -> None:
        """Wait if as many steps are recorded as may be."""
        super().between_steps()
        with self.moved:
            while self._done() >= self.until:
                self.waits.set()
                self.moved.wait()

    def go_on(self, until: int) -> None:
        """Let the run go on to another number of steps."""
        with self.moved:
            self.waits.clear()
            self.until = until
            self.moved.notify_all()

    def _done(self) -> int:
        return self.events.read_bytes().count(b'"kind": "step"')


@contextmanager
def run_in_progress(runs: Path, model: Path, num_steps: int) -> Iterator[tuple[Path, Held]]:
    """The folder of a run that waits after some steps, in a thread, and what lets it go on; at last it ends."""
    config = config_of(runs, model, "real-going")
    number = 1 + max([int(path.name[:4]) for path in runs.glob("[0-9]*-*")], default=0)
    folder = runs / f"{number:04d}-real-going"
    held = Held(events=folder / "events.jsonl", until=num_steps)
    thread = threading.Thread(target=loralab.train, args=[config], kwargs={"stop": held})
    thread.start()
    try:
        assert held.waits.wait(PATIENCE_SECONDS), "the run did not come so far"
        yield folder, held
    finally:
        held.go_on(10**9)
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()
