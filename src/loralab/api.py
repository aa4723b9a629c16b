"""The library: what `import loralab` offers, the same work as the commands without their words."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath
from typing import Any

from loralab.config import load_config
from loralab.config.render import to_dict
from loralab.config.schema import Config
from loralab.errors import Problem, UsageError
from loralab.report import write_card, write_report
from loralab.report.card import card_path
from loralab.run.folder import RunFolder
from loralab.run.view import Run
from loralab.track import Sink, Synced, sinks_for
from loralab.track import sync as syncing
from loralab.track.swanlab import Asked, choose_mode, has_key, names_of
from loralab.track.sync import Progress
from loralab.train import resume as resuming
from loralab.train import start as starting
from loralab.train.ranks.base import Ranks
from loralab.train.start import SinkMaker
from loralab.train.stop import StopRequest
from loralab.words import say


def train(
    config: Config,
    *,
    sinks: Sequence[Sink] = (),
    stop: StopRequest | None = None,
    command: Sequence[str] = ("loralab.train",),
    language: str = "en",
    ranks: Ranks | None = None,
) -> Run:
    """Train, evaluate, record and report one run.

    `sinks` come beside those that `config.track` asks for. Returns the run; `run.scores("after")` are the
    scores of the chosen adapter. Raises UsageError, DataError, ResourceError, RunFailed or Interrupted;
    the run folder holds everything up to then.
    """
    with _reporting(sinks, language) as make_sinks:
        return starting.train(config, command=command, make_sinks=make_sinks, stop=stop, ranks=ranks)


def resume(
    path: str | Path,
    overrides: Sequence[str] = (),
    *,
    sinks: Sequence[Sink] = (),
    stop: StopRequest | None = None,
    tell: resuming.Say = lambda words: None,
    language: str = "en",
    ranks: Ranks | None = None,
) -> Run:
    """Carry a run on from its newest whole checkpoint, to the same result as if it had not been interrupted."""
    with _reporting(sinks, language) as make_sinks:
        run = resuming.resume(path, overrides, make_sinks=make_sinks, stop=stop, tell=tell, ranks=ranks)
    # its process was killed between the end of the run and what is written of it
    if not all(path.is_file() for path in (run.folder.report, card_path(run))):
        _write_pages(run, language)
    return run


def sync(
    run: Run,
    mode: Asked = "auto",
    *,
    progress: Progress = lambda done, total: None,
    idle_seconds: float = 120.0,
) -> Synced:
    """Make the SwanLab record of a run whole, and send it where there is a key; see `loralab sync`.

    Raises UsageError (no key for `online`, a run that is being written) and SinkFailed.
    """
    if mode == "online" and not has_key(os.environ, Path.cwd()):
        raise UsageError(
            Problem(say("there is no key for SwanLab"), next=say("swanlab login, or set SWANLAB_API_KEY"))
        )
    config = load_config(run.folder.config)
    settings = _shareable(config, run.manifest)
    names = names_of(run.folder, config.track.project, run.folder.path.name, settings)
    return syncing.sync(run, names, choose_mode(mode, os.environ, Path.cwd()), progress, idle_seconds)


@contextlib.contextmanager
def _reporting(sinks: Sequence[Sink], language: str) -> Iterator[SinkMaker]:
    """Makes the sinks of a run, and writes its report however it ends; a run that never began has none."""
    folders: list[RunFolder] = []

    def make_sinks(folder: RunFolder, manifest: dict[str, Any], config: Config) -> list[Sink]:
        folders.append(folder)
        return [*sinks, *sinks_for(config, folder.path.name, _shareable(config, manifest))]

    try:
        yield make_sinks
    except BaseException:
        for folder in (f for f in folders if f.path.is_dir()):  # one that was moved away is not made again
            # what ended the run is what the reader must hear of, not that its page could not be written
            with contextlib.suppress(Exception):
                _write_pages(Run(folder), language)
        raise
    for folder in folders:
        _write_pages(Run(folder), language)


def _write_pages(run: Run, language: str) -> None:
    """The adapter's model card and the run's page; the page last, so that one without it lacks neither for long."""
    write_card(run, language)
    write_report(run, language)


def _shareable(config: Config, manifest: dict[str, Any]) -> dict[str, Any]:
    """Hyper-parameters and environment for a tracker, which may be online: paths are cut to their last part."""
    brief = {key: manifest.get(key) for key in ("id", "versions", "hardware", "git", "seeds", "engine")}
    model = {key: manifest.get("model", {}).get(key) for key in ("origin", "revision", "weights")}
    return dict(_last_parts({**to_dict(config), "manifest": {**brief, "model": model}}))


def _last_parts(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _last_parts(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_last_parts(v) for v in value]
    return PurePath(value).name if isinstance(value, str) and PurePath(value).is_absolute() else value
