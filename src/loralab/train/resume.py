"""A run folder in, the same run carried on from its newest whole checkpoint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from loralab.config import load_config, override
from loralab.config.render import to_yaml
from loralab.config.schema import Config
from loralab.data.sources import local_path
from loralab.errors import Problem, UsageError
from loralab.model.placement import refuse_sharing
from loralab.run.files import sha256, write_json, write_text
from loralab.run.leftovers import remove_leftovers
from loralab.run.lock import refuse_if_held, remove_stale
from loralab.run.view import Run, open_run
from loralab.train.execute import execute
from loralab.train.go_on import refuse_unwritable, telling_how_to_go_on
from loralab.train.job import plan_job
from loralab.train.order import plan_steps
from loralab.train.pick_up import find_start
from loralab.train.ranks import change
from loralab.train.ranks.base import Alone, Ranks
from loralab.train.session import Session
from loralab.train.sharding import refuse_unsplittable
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
    ranks: Ranks | None = None,
) -> Run:
    """Carry a run on; only train.epochs and track.* may change. A finished run is left as it is.

    Raises UsageError if it is locked, its config, data or model changed since, or it was written by a
    newer version; otherwise as `train`.
    """
    run = open_run(path)
    _refuse_unbegun(run)
    _refuse_damaged_manifest(run)
    config = _config(run, overrides)
    _refuse_fewer_steps(run, config, overrides)
    if is_complete(run, config):
        remove_stale(run.folder.lock)  # of a process that was killed once the run was finished
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
    ranks, stop = ranks or Alone(), stop or StopRequest()
    refuse_sharing(config.model, ranks.world)
    refuse_unsplittable(config, ranks.world, run)
    refuse_if_held(run.folder.lock)
    refuse_unwritable(run.folder)
    with stop.anywhere():
        _refuse_changed(run.manifest.get("data_files", []), run)
        job = plan_job(config, run)
        _refuse_changed(_model_files(run, job.located.folder), run)
    _refuse_other_files(run, {f.path: f.sha256 for f in job.prepared.report.files})
    _refuse_other_split(run, job.prepared.split_ids())
    change.use_threads(run, ranks)
    sinks = make_sinks(run.folder, run.manifest, config)
    with Session(run.folder, sinks) as session, telling_how_to_go_on(run.folder):
        found: list[tuple[str, Words]] = list(_leftovers(session))
        if words := change.change_words(run, ranks):
            found.append((change.CODE, words))
        checkpoint = find_start(Run(run.folder), job, lambda code, words: found.append((code, words)))
        from_step = checkpoint.step if checkpoint else 0
        found += _unrecorded(run, from_step)
        session.emit("run_resumed", from_step=from_step)  # first: what is said below belongs to this process
        for code, words in found:
            session.warn(code, words)
            tell(words)
        tell(say("{run} goes on after step {step}", run=run.id, step=from_step))
        _store_config(run, config, session)
        execute(session, job, checkpoint, stop, ranks)
    return open_run(run.folder.path)


def is_complete(run: Run, config: Config) -> bool:
    """Whether the run is finished and the config asks for no further steps."""
    if run.status != "finished":
        return False
    if ended_early(run):
        return True
    return _steps_made(run) >= _total_steps(run, config)


def _steps_made(run: Run) -> int:
    steps = run.record.steps()
    return int(steps[-1]["step"]) if steps else 0


def _total_steps(run: Run, config: Config) -> int:
    return plan_steps(max(1, len(_split(run).get("train", []))), config.train).total_steps


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


def _refuse_unbegun(run: Run) -> None:
    """Raise UsageError for a run that was killed before its manifest, without which it cannot be checked."""
    if not run.folder.manifest.is_file():
        raise UsageError(
            Problem(
                say("was stopped before its record began; nothing is lost"),
                str(run.folder.path),
                next=say("start it again: loralab train {path}", path=run.folder.config),
            )
        )


def _refuse_damaged_manifest(run: Run) -> None:
    """Raise UsageError for a manifest that cannot be read: nothing would tell whether config, data and model are the same."""
    if not run.manifest:
        raise UsageError(
            Problem(
                say("is damaged: what the run was started with cannot be checked"),
                str(run.folder.manifest),
                next=say("put a copy of it back, or start a new run: loralab train {path}", path=run.folder.config),
            )
        )  # fmt: skip


def _refuse_fewer_steps(run: Run, config: Config, overrides: Sequence[str]) -> None:
    """Raise UsageError if the run is asked to end before where it has come to."""
    done, total = _steps_made(run), _total_steps(run, config)
    if overrides and total < done and not ended_early(run):
        raise UsageError(
            Problem(
                say(
                    "train.epochs={epochs} ends after step {total}, but this run has made {done} steps",
                    epochs=f"{config.train.epochs:g}",
                    total=total,
                    done=done,
                ),
                str(run.folder.path),
                next=say("leave train.epochs as it is, or raise it"),
            )
        )


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


def _leftovers(session: Session) -> Iterator[tuple[str, Words]]:
    """What the process before has left: its lock, half an event, files that were not finished."""
    if session.lock.stale:
        yield "stale_lock", say("the lock of a process that is gone was removed")
    if torn := session.writer.torn_bytes:
        yield "torn_event", say("{n} bytes of a torn last event were cut off", n=torn)
    if damaged := session.writer.damaged_lines:
        words = say("{n} lines of events.jsonl are damaged and passed over", n=damaged)
        yield "damaged_events", words
    if names := remove_leftovers(session.folder.path):
        words = say(
            "{n} unfinished files of a process that is gone were removed: {names}",
            n=len(names), names=", ".join(names),
        )  # fmt: skip
        yield "leftovers", words


def _unrecorded(run: Run, from_step: int) -> Iterator[tuple[str, Words]]:
    """What is said if the record lacks steps up to a checkpoint, as after a loss of events.jsonl."""
    missing = from_step - len({event["step"] for event in run.record.steps() if event["step"] <= from_step})
    if missing:
        yield "missing_steps", say(
            "{n} of the {step} steps so far are not in events.jsonl: the curves and sums of this run lack them",
            n=missing, step=from_step,
        )  # fmt: skip


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
