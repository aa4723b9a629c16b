"""A repository and patterns in, a folder with the checked files that match out."""

from __future__ import annotations

import errno
import fnmatch
import re
import shutil
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Literal

from loralab.errors import Problem, ResourceError, UsageError
from loralab.hub import huggingface, modelscope
from loralab.hub.base import (
    ANSWER_SECONDS,
    Hub,
    HubFailed,
    Kind,
    Listing,
    Meter,
    RemoteFile,
    unreachable,
    within,
)
from loralab.words import say

HubName = Literal["huggingface", "modelscope"]
HUBS: dict[HubName, Hub] = {"huggingface": huggingface, "modelscope": modelscope}

REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
COMMIT = re.compile(r"[0-9a-f]{40}")
"""A revision of this form names one state for ever: what is on disk of it need not be asked for again."""


def list_files(hub: Hub, name: str, revision: str | None, kind: Kind = "model") -> Listing:
    """The repository's files, or HubFailed within ANSWER_SECONDS."""
    if not REPOSITORY.fullmatch(name):
        raise HubFailed(
            hub.TITLE, hub.endpoint(), name, say("not asked, the name is not of the form owner/name")
        )
    if revision is not None and not is_inside(revision):  # it becomes part of a path in the hubs' caches
        reason = say("not asked, {revision} is no branch, tag or commit", revision=revision)
        raise HubFailed(hub.TITLE, hub.endpoint(), name, reason)
    try:
        return within(ANSWER_SECONDS, lambda: hub.listing(name, revision, kind))
    except TimeoutError:
        reason = say("no answer in {seconds} s", seconds=int(ANSWER_SECONDS))
        raise unreachable(hub.TITLE, hub.endpoint(), name, reason, kind) from None


def get_files(
    hub: Hub, name: str, listing: Listing, to: Path | None, meter: Meter, kind: Kind = "model"
) -> Path:
    """Get the files of a listing, into `to` or the hub's own cache, and return their folder.

    Files that are there already are not sent again, broken downloads go on; new files are checked by size
    and checksum. Raises HubFailed (a UsageError) if the hub does not give them, UsageError if one is damaged,
    and ResourceError if the disk is full.
    """
    _refuse_unsafe(hub, name, listing.files)
    _check_space(hub, name, listing, to, kind)
    try:
        return hub.download(name, listing, to, meter, kind)
    except OSError as error:
        raise _disk_problem(error, hub, name, to or hub.store(), kind) from error


def select(files: Sequence[RemoteFile], patterns: Sequence[str]) -> tuple[RemoteFile, ...]:
    """The files that match one of the patterns; like in a shell, `*` does not cross a folder and `**` does."""
    split = [pattern.split("/") for pattern in patterns]
    return tuple(f for f in files if any(_matches(f.path.split("/"), pattern) for pattern in split))


def _matches(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_matches(parts[skipped:], pattern[1:]) for skipped in range(len(parts) + 1))
    return bool(parts) and fnmatch.fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])


def _refuse_unsafe(hub: Hub, name: str, files: Sequence[RemoteFile]) -> None:
    unsafe = [f.path for f in files if not is_inside(f.path)]
    if unsafe:
        reason = say("lists a file that is not safe to write: {path}", path=unsafe[0])
        raise HubFailed(hub.TITLE, hub.endpoint(), name, reason)


def is_inside(path: str) -> bool:
    """Whether a path from outside stays in the folder that it is put into."""
    parts = PurePosixPath(path).parts
    unusable = "\\" in path or "\0" in path
    return bool(parts) and not PurePosixPath(path).is_absolute() and ".." not in parts and not unusable


def _check_space(hub: Hub, name: str, listing: Listing, to: Path | None, kind: Kind) -> None:
    wanted = [f for f in listing.files if not hub.present(name, listing.revision, f, to, kind)]
    missing = sum((f.size or 0) - _received_bytes(hub, name, listing.revision, f, to, kind) for f in wanted)
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
                next=say("loralab fetch {name} --to FOLDER, with a folder on a larger disk", name=name)
                if kind == "model"
                else say("set {variable} to a folder on a larger disk", variable=hub.STORE_VARIABLE),
            )
        )


def _received_bytes(hub: Hub, name: str, revision: str, file: RemoteFile, to: Path | None, kind: Kind) -> int:
    """What an earlier download left of a file that goes on from there."""
    partial = hub.partial(name, revision, file, to, kind)
    return min(partial.stat().st_size, file.size or 0) if partial and partial.is_file() else 0


def _disk_problem(
    error: OSError, hub: Hub, name: str, folder: Path, kind: Kind
) -> UsageError | ResourceError:
    if error.errno is None:  # a client's own complaint about what it received
        return UsageError(
            Problem(
                say("the download failed: {reason}", reason=error),
                str(folder),
                next=say("run the same command again"),
            )
        )
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    if full:
        advice = say("free some space, then run the same command again")
    elif kind == "model":
        advice = say("loralab fetch {name} --to FOLDER", name=name)
    else:
        advice = say("set {variable} to a folder that can be written", variable=hub.STORE_VARIABLE)
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
