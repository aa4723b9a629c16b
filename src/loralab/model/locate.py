"""A model name in, a folder on this machine out: a local folder first, then a hub."""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from pathlib import Path

from loralab.config.schema import ModelConfig
from loralab.errors import Problem, UsageError
from loralab.hub.base import HubFailed, Located, Progress
from loralab.hub.files import HUBS, REPOSITORY, HubName
from loralab.model.fetch import ALL, CODE, SMALL, fetch
from loralab.model.folder import Need, check_files
from loralab.words import Words, say

__all__ = ["Located", "hub_of", "is_path", "locate"]

HUB_VARIABLE = "LORALAB_HUB"
COMMIT_LENGTH = 40


def locate(model: ModelConfig, need: Need = "all", progress: Progress | None = None) -> Located:
    """The folder of a model, downloaded if it has to be.

    A name written as a path is a local folder and never asked for on a hub. Any other name is tried as a
    folder in the working folder (unless `source` is a hub), then on the hub. A hub that cannot be reached is
    replaced by what an earlier download left, if that is complete. `need="tokenizer"` gets small files only.
    Raises UsageError that says what was looked for where.
    """
    looked: list[Words] = []
    if model.source in ("auto", "local"):
        folder = Path(model.name).expanduser().absolute()
        if folder.is_dir():
            return Located(folder, "local", None)
        looked.append(_folder_failed(folder))
    if model.source == "local" or is_path(model.name):
        raise UsageError(_not_found(model.name, looked, _advice(Path(model.name))))
    hub = hub_of(model.source)
    try:
        return _from_hub(model, hub, need, progress)
    except HubFailed as failed:
        looked.append(
            say(
                "on {hub} ({endpoint}): {reason}",
                hub=failed.hub,
                endpoint=failed.endpoint,
                reason=failed.reason,
            )
        )
        raise UsageError(_not_found(model.name, looked, _hub_advice(model.name, failed))) from None


def is_path(name: str) -> bool:
    """Whether a model name is written as a path."""
    return name.startswith((".", "~", "/", "\\")) or Path(name).is_absolute()


def hub_of(source: str) -> HubName:
    """The hub that `source` means: for auto the one LORALAB_HUB names, Hugging Face when it is not set."""
    name = os.environ.get(HUB_VARIABLE) or "huggingface" if source == "auto" else source
    if name == "huggingface":
        return "huggingface"
    if name == "modelscope":
        return "modelscope"
    raise UsageError(
        Problem(say("is {name!r}, must be one of: {hubs}", name=name, hubs=", ".join(HUBS)), HUB_VARIABLE)
    )


def _from_hub(model: ModelConfig, source: HubName, need: Need, progress: Progress | None) -> Located:
    pinned = model.revision is not None and len(model.revision) == COMMIT_LENGTH
    if pinned and REPOSITORY.fullmatch(
        model.name
    ):  # a commit never changes: what is there need not be asked for
        earlier = _cached(model, source)
        if earlier and _lacks(earlier.folder, need) is None:
            return earlier
    patterns = (ALL if need == "all" else SMALL) + (CODE if model.trust_remote_code else ())
    try:
        return fetch(model.name, source, model.revision, patterns, progress)
    except HubFailed as failed:
        earlier = _cached(model, source) if REPOSITORY.fullmatch(model.name) else None
        if earlier is None:
            raise
        lacks = _lacks(earlier.folder, need)
        if lacks is None:
            return earlier
        reason = say(
            "{reason}; the copy in {folder} is not complete: {lacks}",
            reason=failed.reason,
            folder=earlier.folder,
            lacks=lacks,
        )
        raise HubFailed(failed.hub, failed.endpoint, model.name, reason, failed.advice) from None


def _cached(model: ModelConfig, source: HubName) -> Located | None:
    folder = HUBS[source].cached(model.name, model.revision)
    return Located(folder, source, folder.name) if folder else None


def _lacks(folder: Path, need: Need) -> Words | None:
    """The first thing that a folder lacks."""
    try:
        check_files(folder, need)
    except UsageError as error:
        return error.problems[0].what
    return None


# ------------------------------------------------------------------------------------ what is said


def _folder_failed(folder: Path) -> Words:
    if folder.exists():
        return say("folder {folder}: is a file", folder=folder)
    missing = next(p for p in (folder, *folder.parents) if not p.exists() and p.parent.exists())
    if missing != folder:
        return say("folder {folder}: {missing} does not exist", folder=folder, missing=missing)
    return say("folder {folder}: does not exist", folder=folder)


def _not_found(name: str, looked: Sequence[Words], advice: Words) -> Problem:
    return Problem(say("model not found"), name, say("looked for: {places}", places=_join(looked)), advice)


def _join(parts: Sequence[Words]) -> Words:
    if len(parts) == 1:
        return parts[0]
    return say("{first}; then {rest}", first=parts[0], rest=_join(parts[1:]))


def _advice(path: Path) -> Words:
    path = path.expanduser().absolute()
    siblings = [p.parent.name for p in path.parent.glob("*/config.json")]
    if near := difflib.get_close_matches(path.name, siblings, n=1):
        return say("did you mean model.name={folder}?", folder=path.parent / near[0])
    return say(
        "set model.name to a folder that holds config.json and *.safetensors, or to owner/name on a hub"
    )


def _hub_advice(name: str, failed: HubFailed) -> Words:
    if not REPOSITORY.fullmatch(name):
        return say("set model.name to a folder, or to owner/name such as Qwen/Qwen2.5-0.5B-Instruct")
    return failed.advice or _advice(Path(name))
