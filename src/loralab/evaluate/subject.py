"""A model folder, hub name, adapter folder or run in, which base with which adapter is asked, and how, out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from loralab.config import load_config
from loralab.config.schema import Dtype, ModelConfig
from loralab.errors import Problem, UsageError
from loralab.model.adapter_folder import check_adapter_folder
from loralab.model.folder import CONFIG
from loralab.model.misfit import SETTINGS
from loralab.model.small_files import read_object
from loralab.run.view import Run, open_run
from loralab.words import say

Stage = Literal["before", "after"]


@dataclass(frozen=True)
class Subject:
    """Who is asked: `adapter` on `model`, or the base alone.

    `system` is put before questions that bring no system message. `answer_end` is how answers were closed in
    training; "any" where that is not known. `run` is the run that all this was taken from, at `stage`.
    """

    model: ModelConfig
    adapter: Path | None = None
    system: str | None = None
    answer_end: Literal["template", "pad", "any"] = "any"
    run: Run | None = None
    stage: Stage | None = None

    def described(self) -> dict[str, Any] | None:
        """The run and its stage for a record; None for a model that is of no run."""
        return {"id": self.run.id, "stage": self.stage} if self.run else None

    def refuse_other_base(self, model: Mapping[str, Any]) -> None:
        """Raise UsageError if the base's weights are not those that the run was trained on.

        `model` is what `describe_model` says of the base as it is now.
        """
        if self.run is None:
            return
        then = {f["path"]: f["sha256"] for f in self.run.manifest.get("model", {}).get("weights", [])}
        now = {f["path"]: f["sha256"] for f in model["weights"]}
        if then and then != now:
            changed = ", ".join(sorted(p for p in then.keys() | now.keys() if then.get(p) != now.get(p)))
            what = say(
                "is not the model that {run} was trained on: {names} differ", run=self.run.id, names=changed
            )
            raise UsageError(Problem(what, model["folder"], next=say("put the old files back")))


def find_subject(
    name: str,
    adapter: Path | None = None,
    stage: Stage | None = None,
    dtype: Dtype | None = None,
    system: str | None = None,
) -> Subject:
    """Who `name` means; nothing is downloaded or loaded.

    A run is its base with the chosen adapter (`stage` after, the default) or its base alone (before). An adapter
    folder stands for itself on the base that its settings name. Anything else is a model, with `adapter` on it
    if one is given. `system` replaces the system message of a run; "" asks without one. Raises UsageError for an
    adapter folder that is not whole, and for options that do not go together.
    """
    path = Path(name).expanduser()
    if is_run(path):
        subject = _of_run(path, adapter, stage or "after")
    else:
        if stage:
            what = say("is no run: --stage chooses between the stages of one")
            raise UsageError(Problem(what, name, next=say("leave out --stage")))
        subject = _of_model(name, path, adapter)
    if subject.adapter:
        check_adapter_folder(subject.adapter)
    if dtype:
        subject = replace(subject, model=replace(subject.model, dtype=dtype))
    return subject if system is None else replace(subject, system=system or None)


def is_run(path: Path) -> bool:
    """Whether a path is a run folder."""
    return (
        path.is_dir()
        and not (path / CONFIG).exists()
        and ((path / "manifest.json").is_file() or (path / "config.yaml").is_file())
    )


def _of_run(path: Path, adapter: Path | None, stage: Stage) -> Subject:
    run = open_run(path)
    if adapter:
        what = say("is a run, which has its own adapter: --adapter goes with a model")
        raise UsageError(Problem(what, str(path), next=say("name the model instead of the run")))
    config = load_config(run.folder.config)
    chosen = run.folder.adapter if stage == "after" else None
    if chosen and not chosen.is_dir():
        raise UsageError(
            Problem(
                say("the run has no chosen adapter yet: it is {status}", status=run.status),
                str(path),
                next=say("loralab resume {path}, or --stage before for its base alone", path=path),
            )
        )
    return Subject(config.model, chosen, config.data.system, config.data.answer_end, run, stage)


def _of_model(name: str, path: Path, adapter: Path | None) -> Subject:
    if not (path / SETTINGS).is_file() or (path / CONFIG).exists():
        return Subject(ModelConfig(name=name), adapter.absolute() if adapter else None)
    settings, problem = read_object(path, SETTINGS)
    if problem:
        raise UsageError(problem)
    base = settings.get("base_model_name_or_path")
    if adapter or not isinstance(base, str) or not base:
        what = say("is an adapter, not a model")
        advice = say("name its base: loralab eval BASE --adapter {folder}", folder=path)
        raise UsageError(Problem(what, name, next=advice))
    return Subject(ModelConfig(name=base), path.absolute())
