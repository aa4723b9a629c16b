"""The library: what `import loralab` offers, the same work as the commands without their words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from loralab.config.render import to_dict
from loralab.config.schema import Config
from loralab.report import write_report
from loralab.run.folder import RunFolder
from loralab.run.view import Run
from loralab.track import Sink, sinks_for
from loralab.train import resume as resuming
from loralab.train import start as starting
from loralab.train.stop import StopRequest


def train(
    config: Config,
    *,
    sinks: Sequence[Sink] = (),
    stop: StopRequest | None = None,
    command: Sequence[str] = ("loralab.train",),
    language: str = "en",
) -> Run:
    """Train, evaluate, record and report one run.

    `sinks` come beside those that `config.track` asks for. Returns the run; `run.scores("after")` are the
    scores of the chosen adapter. Raises UsageError, DataError, ResourceError, RunFailed or Interrupted;
    the run folder holds everything up to then.
    """
    folders: list[RunFolder] = []

    def make_sinks(folder: RunFolder, manifest: dict[str, Any]) -> list[Sink]:
        folders.append(folder)
        return [
            *sinks,
            *sinks_for(config, folder.path.name, {**to_dict(config), "manifest": _brief(manifest)}),
        ]

    try:
        return starting.train(config, command=command, make_sinks=make_sinks, stop=stop)
    finally:
        for folder in folders:
            write_report(Run(folder), language)


def resume(
    path: str | Path,
    overrides: Sequence[str] = (),
    *,
    sinks: Sequence[Sink] = (),
    stop: StopRequest | None = None,
    tell: resuming.Say = lambda words: None,
    language: str = "en",
) -> Run:
    """Carry a run on from its newest whole checkpoint, to the same result as if it had not been interrupted."""
    folders: list[
        RunFolder
    ] = []  # stays empty where the run is refused, or finished: nothing is written then

    def make_sinks(folder: RunFolder, manifest: dict[str, Any], config: Config) -> list[Sink]:
        folders.append(folder)
        return [
            *sinks,
            *sinks_for(config, folder.path.name, {**to_dict(config), "manifest": _brief(manifest)}),
        ]

    try:
        return resuming.resume(path, overrides, make_sinks=make_sinks, stop=stop, tell=tell)
    finally:
        for folder in folders:
            write_report(Run(folder), language)


def _brief(manifest: dict[str, Any]) -> dict[str, Any]:
    """The parts of a manifest that trackers show beside the hyper-parameters."""
    return {
        key: manifest.get(key) for key in ("id", "versions", "hardware", "git", "seeds", "model", "engine")
    }
