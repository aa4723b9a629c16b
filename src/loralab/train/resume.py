"""A run folder in, the same run carried on from its newest whole checkpoint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from loralab.config import load_config, override
from loralab.config.render import to_yaml
from loralab.config.schema import Config
from loralab.data.sources import local_path
from loralab.errors import Problem, UsageError
from loralab.run.files import sha256, write_json, write_text
from loralab.run.folder import RunFolder
from loralab.run.lock import refuse_if_held
from loralab.run.view import Run, open_run
from loralab.train.checkpoint import Checkpoint, find_checkpoints
from loralab.train.execute import execute
from loralab.train.job import plan_job
from loralab.train.order import plan_steps
from loralab.train.session import Session
from loralab.train.start import SinkMaker
from loralab.train.stop import StopRequest
from loralab.words import Words, say

ALLOWED = ("train.epochs", "track.")
Say = Callable[[Words], None]


def resume(
    path: str | Path,
    overrides: Sequence[str] = (),
    *,
    make_sinks: SinkMaker = lambda folder, manifest, config: (),
    stop: StopRequest | None = None,
    tell: Say = lambda words: None,
) -> Run:
    """Carry a run on; only train.epochs and track.* may change. A finished run is left as it is.

    Raises UsageError if it is locked, its config, data or model changed since, or it was written by a
    newer version; otherwise as `train`.
    """
    run = open_run(path)
    config = _config(run, overrides)
    if is_complete(run, config):
        tell(say("{run} is finished: nothing to do", run=run.id))
        if ended_early(run):
            _tell_early_end(run, config, tell)
        elif config.train.epochs is not None:
            tell(
                say(
                    "to train longer: loralab resume {run} train.epochs=N, with N above {epochs}",
                    run=path,
                    epochs=f"{config.train.epochs:g}",
                )
            )
        return run
    refuse_if_held(run.folder.lock)
    _refuse_changed(run.manifest.get("data_files", []), run)
    job = plan_job(config, run)
    _refuse_changed(_model_files(run, job.located.folder), run)
    _refuse_other_files(run, {f.path: f.sha256 for f in job.prepared.report.files})
    _refuse_other_split(run, job.prepared.split_ids())
    _use_threads(run)
    with Session(run.folder, make_sinks(run.folder, run.manifest, config)) as session:
        _tell_leftovers(session, tell)
        checkpoint = _newest(run.folder, session, tell)
        from_step = checkpoint.step if checkpoint else 0
        session.emit("run_resumed", from_step=from_step)
        tell(say("{run} goes on after step {step}", run=run.id, step=from_step))
        _store_config(run, config, session)
        execute(session, job, checkpoint, stop or StopRequest())
    return open_run(run.folder.path)


def is_complete(run: Run, config: Config) -> bool:
    """Whether the run is finished and the config asks for no further steps."""
    if run.status != "finished":
        return False
    if ended_early(run):
        return True
    split = _split(run)
    steps = run.record.steps()
    done = steps[-1]["step"] if steps else 0
    return done >= plan_steps(max(1, len(split.get("train", []))), config.train).total_steps


def ended_early(run: Run) -> bool:
    """Whether a finished run was ended by train.stop_after_worse_evaluations."""
    return bool(run.last("run_finished").get("reason") == "early_stop")


def _tell_early_end(run: Run, config: Config, tell: Say) -> None:
    """Say why no step is left; raise UsageError if more were asked for, which would be stopped at once."""
    words = say("its training was ended early, by train.stop_after_worse_evaluations")
    if config.train != load_config(run.folder.config).train:
        raise UsageError(
            Problem(
                words,
                run.id,
                say("other epochs would not train it further"),
                say("to train longer, start a new run: loralab train {path} with a larger number or null there",
                    path=run.folder.config),
            )
        )  # fmt: skip
    tell(words)


def _config(run: Run, overrides: Sequence[str]) -> Config:
    foreign = [o for o in overrides if not o.startswith(ALLOWED)]
    if foreign:
        raise UsageError(
            *(
                Problem(
                    say(
                        "{name} cannot change in a resumed run; only train.epochs and track.* can",
                        name=o.partition("=")[0],
                    )
                )
                for o in foreign
            )
        )
    expected = [run.manifest.get(key) for key in ("config_sha256", "config_sha256_before")]
    if not run.folder.config.is_file():
        raise UsageError(Problem(say("config.yaml is missing"), str(run.folder.path)))
    if expected[0] and sha256(run.folder.config) not in expected:
        raise UsageError(
            Problem(
                say("was edited since the run was started"),
                str(run.folder.config),
                next=say("undo the edit, or start a new run: loralab train {path}", path=run.folder.config),
            )
        )
    return override(load_config(run.folder.config), overrides)


def _model_files(run: Run, folder: Path) -> list[dict[str, Any]]:
    """The model's files as the manifest knows them, where the model lies now: a hub may have given another."""
    model = run.manifest.get("model", {})
    files = [*model.get("weights", []), *model.get("files", [])]
    return [{**f, "path": str(folder / f["path"])} for f in files]


def _refuse_changed(files: Sequence[dict[str, Any]], run: Run) -> None:
    """Raise UsageError naming each file that is gone or has other bytes than when the run was started."""
    problems = []
    for entry in files:
        path = local_path(entry["path"])
        if not path.is_file():
            problems.append(Problem(say("was used by this run and is gone"), str(path)))
        elif sha256(path.resolve()) != entry["sha256"]:
            problems.append(
                Problem(
                    say("has changed since this run was started"),
                    str(path),
                    next=say(
                        "put the old file back, or start a new run: loralab train {path}",
                        path=run.folder.config,
                    ),
                )
            )
    if problems:
        raise UsageError(*problems)


def _split(run: Run) -> dict[str, Any]:
    try:
        return dict(json.loads((run.folder.data / "split.json").read_text("utf-8")))
    except (OSError, ValueError):
        return {}


def _refuse_other_files(run: Run, files: dict[str, str]) -> None:
    """Raise UsageError if other data files are read than when the run was started, as when a folder got a new one."""
    before = {entry["path"]: entry["sha256"] for entry in run.manifest.get("data_files", [])}
    advice = say(
        "take it out of the folder, or start a new run: loralab train {path}", path=run.folder.config
    )
    new = [path for path in files if path not in before]
    gone = [path for path in before if path not in files]
    problems = [Problem(say("is new since this run was started"), path, next=advice) for path in new]
    problems += [Problem(say("was used by this run and is gone"), path) for path in gone]
    if problems:
        raise UsageError(*problems)


def _refuse_other_split(run: Run, split: dict[str, Any]) -> None:
    if _split(run) != split:
        raise UsageError(
            Problem(
                say(
                    "the rows of this run come out differently now; another version of loralab may have made it"
                ),
                str(run.folder.data / "split.json"),
            )
        )


def _use_threads(run: Run) -> None:
    """Use the thread count that the run was started with: sums are then the same to the last bit."""
    import torch

    threads = run.manifest.get("hardware", {}).get("threads")
    if isinstance(threads, int) and threads > 0:
        torch.set_num_threads(threads)


def _tell_leftovers(session: Session, tell: Say) -> None:
    if session.lock.stale:
        words = say("the lock of a process that is gone was removed")
        session.warn("stale_lock", words)
        tell(words)
    if session.writer.torn_bytes:
        words = say("{n} bytes of a torn last event were cut off", n=session.writer.torn_bytes)
        session.warn("torn_event", words)
        tell(words)


def _newest(folder: RunFolder, session: Session, tell: Say) -> Checkpoint | None:
    """The newest whole checkpoint; damaged ones are named and passed over."""
    for found in find_checkpoints(folder):
        if isinstance(found, Checkpoint):
            return found
        path, reason = found
        words = say("{name} is damaged and passed over: {reason}", name=path.name, reason=reason)
        session.warn("damaged_checkpoint", words)
        tell(words)
    return None


def _store_config(run: Run, config: Config, session: Session) -> None:
    """Write a changed config down; only what `resume` allows can differ."""
    text = to_yaml(config)
    if text == run.folder.config.read_text("utf-8"):
        return
    # both hashes are known while there is a moment in which either file may be the newer one
    before, after = sha256(run.folder.config), hashlib.sha256(text.encode("utf-8")).hexdigest()
    hashes = {"config_sha256": after, "config_sha256_before": before}
    write_json(run.folder.manifest, run.manifest | hashes)
    write_text(run.folder.config, text)
    session.emit(
        "note",
        message="the settings were changed for this resume; the learning rate follows the schedule of the new total",
    )
