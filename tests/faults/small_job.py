"""A folder and a model in, a run made in this process out: what forks start from, and are compared with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from doubles.command import invoke
from doubles.job_files import write_job


@dataclass(frozen=True)
class SmallJob:
    """A config, and the run that was made of it. Read only: copy the run to change it."""

    config: Path
    run: Path


def make_small_job(folder: Path, model: Path) -> SmallJob:
    """Train once here, uninterrupted: after that a fork has every import made."""
    config = write_job(folder, model)
    said = invoke("train", config, f"run.dir={folder / 'runs'}")
    assert said.code == 0, said.err
    return SmallJob(config, folder / "runs" / "0001-job")
