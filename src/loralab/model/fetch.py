"""A repository name in, a folder with its checked files out."""

from __future__ import annotations

import errno
import fnmatch
import re
import shutil
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Literal

from loralab.errors import Problem, ResourceError, UsageError
from loralab.model import hub_huggingface, hub_modelscope
from loralab.model.hub import (
    ANSWER_SECONDS,
    Hub,
    HubFailed,
    Listing,
    Located,
    Meter,
    Progress,
    RemoteFile,
    unreachable,
    within,
)
from loralab.words import say

HubName = Literal["huggingface", "modelscope"]
HUBS: dict[str, Hub] = {"huggingface": hub_huggingface, "modelscope": hub_modelscope}

# Only what transformers reads, and no pickle. Other folders hold second copies of the weights.
SMALL = (
    "*.json", "*.txt", "*.jinja", "*.model", "*.tiktoken", "LICENSE*", "README.md",
    "additional_chat_templates/*.jinja",
)  # fmt: skip
WEIGHTS = ("model*.safetensors",)
CODE = ("*.py",)
ALL = SMALL + WEIGHTS

REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)


def fetch(
    name: str,
    source: HubName,
    revision: str | None = None,
    patterns: Sequence[str] = ALL,
    progress: Progress | None = None,
    *,
    to: Path | None = None,
) -> Located:
    """Get the files of a hub repository that match `patterns`, into `to` or the hub's own cache.

    Files that are there already are not sent again; new ones are checked by size and checksum.
    Raises HubFailed (a UsageError) if the hub does not give them, UsageError if one is damaged, and
    ResourceError if the disk is full.
    """
    hub = HUBS[source]
    listing = list_files(hub, name, revision)
    files = _select(hub, name, listing.files, patterns)
    _check_space(hub, name, listing.revision, files, to)
    try:
        folder = hub.download(
            name, Listing(listing.asked, listing.revision, files), to, Meter(files, progress)
        )
    except OSError as error:
        raise _disk_problem(error, name, to or hub.store()) from error
    return Located(folder, source, listing.revision)


def list_files(hub: Hub, name: str, revision: str | None) -> Listing:
    """The repository's files, or HubFailed within ANSWER_SECONDS."""
    if not REPOSITORY.fullmatch(name):
        raise HubFailed(
            hub.TITLE, hub.endpoint(), name, say("not asked, the name is not of the form owner/name")
        )
    if revision is not None and not _is_inside(revision):  # it becomes part of a path in the hubs' caches
        reason = say("not asked, {revision} is no branch, tag or commit", revision=revision)
        raise HubFailed(hub.TITLE, hub.endpoint(), name, reason)
    try:
        return within(ANSWER_SECONDS, lambda: hub.listing(name, revision))
    except TimeoutError:
        reason = say("no answer in {seconds} s", seconds=int(ANSWER_SECONDS))
        raise unreachable(hub.TITLE, hub.endpoint(), name, reason) from None


def _select(
    hub: Hub, name: str, files: Sequence[RemoteFile], patterns: Sequence[str]
) -> tuple[RemoteFile, ...]:
    """The files to get; a listing without usable weights is refused before anything is sent."""
    chosen = tuple(f for f in files if any(_matches(f.path, pattern) for pattern in patterns))
    unsafe = [f.path for f in chosen if not _is_inside(f.path)]
    if unsafe:
        reason = say("lists a file that is not safe to write: {path}", path=unsafe[0])
    elif not any(f.path == "config.json" for f in chosen):
        reason = say("the repository holds no config.json: it is not a transformers model")
    elif set(WEIGHTS) <= set(patterns) and not any(f.path.endswith(".safetensors") for f in chosen):
        reason = say("the repository holds no safetensors weights; loralab does not load pickle files")
    else:
        return chosen
    raise HubFailed(hub.TITLE, hub.endpoint(), name, reason)


def _matches(path: str, pattern: str) -> bool:
    """Like a shell: `*` does not cross a folder."""
    return path.count("/") == pattern.count("/") and fnmatch.fnmatchcase(path, pattern)


def _is_inside(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return bool(parts) and not PurePosixPath(path).is_absolute() and ".." not in parts and "\\" not in path


def _check_space(hub: Hub, name: str, revision: str, files: Sequence[RemoteFile], to: Path | None) -> None:
    missing = sum(f.size or 0 for f in files if not hub.present(name, revision, f, to))
    target = to or hub.store()
    existing = next(p for p in (target.absolute(), *target.absolute().parents) if p.exists())
    free = shutil.disk_usage(existing).free
    if missing > free:
        raise ResourceError(
            Problem(
                say(
                    "not enough disk space: {missing} to download, {free} free",
                    missing=size(missing),
                    free=size(free),
                ),
                str(target),
                next=say("loralab fetch {name} --to FOLDER, with a folder on a larger disk", name=name),
            )
        )


def _disk_problem(error: OSError, name: str, folder: Path) -> UsageError | ResourceError:
    if error.errno is None:  # a client's own complaint about what it received
        return UsageError(
            Problem(
                say("the download failed: {reason}", reason=error),
                str(folder),
                next=say("run the same command again"),
            )
        )
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    advice = (
        say("free some space, then run the same command again")
        if full
        else say("loralab fetch {name} --to FOLDER", name=name)
    )
    reason = say("cannot be written: {reason}", reason=error.strerror or error)
    return ResourceError(Problem(reason, error.filename or str(folder), next=advice))


def size(num_bytes: int) -> str:
    """A number of bytes for people, in decimal units as hubs give them."""
    value, unit = float(num_bytes), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if value >= 100 or unit == "B" else f"{value:.1f} {unit}"
