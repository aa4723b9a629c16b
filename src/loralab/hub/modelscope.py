"""ModelScope: a repository name in, its files out of the hub's own cache, through modelscope_hub.

The client resumes partial files and checks size and sha256 itself; a file that fails is deleted by it.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import re
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from loralab.hub.base import (
    HubFailed,
    Kind,
    Listing,
    Meter,
    NoRepository,
    RemoteFile,
    again,
    damaged,
    quiet,
    root_reason,
    unreachable,
)
from loralab.run.files import write_text
from loralab.words import Words, say

TITLE = "ModelScope"
STORE_VARIABLE = "MODELSCOPE_CACHE"
RETRIES_PER_FILE = 5
LOCK_PAUSE_SECONDS = 1.0
COMMIT = re.compile(r"[0-9a-f]{40}")


def endpoint() -> str:
    """MODELSCOPE_ENDPOINT, or modelscope.cn."""
    return str(_api().legacy.endpoint)


def listing(name: str, revision: str | None, kind: Kind = "model") -> Listing:
    """The files at a branch, tag or commit (master when None).

    The hub does not say at which commit the branch stands, but for each file the commit that last changed it.
    """
    asked = revision or "master"
    with _errors(name, kind):
        found = _api().legacy.list_repo_files(name, kind, revision=asked, recursive=True)
    return Listing(asked, asked, tuple(_remote_file(entry) for entry in found if entry.get("Type") != "tree"))


def _remote_file(entry: dict[str, Any]) -> RemoteFile:
    commit = str(entry.get("Revision") or "")
    return RemoteFile(
        str(entry.get("Path") or entry.get("Name") or ""), int(entry.get("Size") or 0),
        entry.get("Sha256") or None, commit=commit if COMMIT.fullmatch(commit) else None,
    )  # fmt: skip


def cached(name: str, revision: str | None, kind: Kind = "model") -> Path | None:
    """The snapshot folder of an earlier download."""
    api = _api()
    from modelscope_hub import CacheNotFound

    if kind == "dataset":
        folder = _snapshot(name, revision or "master")
        return folder if folder.is_dir() else None
    try:
        with quiet("modelscope_hub"):
            return Path(api.download_repo(name, "model", revision=revision, local_files_only=True))
    except CacheNotFound:
        return None


def cached_data(name: str, revision: str | None, path: str) -> tuple[Path, str] | None:
    """A data file of an earlier download, at the commit that `revision` (master when None) had of it then."""
    asked = revision or "master"
    noted = _note(name, asked, path)
    commit = noted.read_text("utf-8") if noted.is_file() else asked
    found = _snapshot(name, commit) / path
    return (found, commit) if found.is_file() else None


def present(name: str, revision: str, file: RemoteFile, to: Path | None, kind: Kind = "model") -> bool:
    """Whether the file is in the folder or cache with the right size."""
    folder = to or cached(name, revision, kind)
    path = folder / file.path if folder else None
    return path is not None and path.is_file() and path.stat().st_size == file.size


def store() -> Path:
    """MODELSCOPE_CACHE, or its default."""
    from modelscope_hub import HubConfig

    return Path(HubConfig(token="").cache_dir)


def partial(name: str, revision: str, file: RemoteFile, to: Path | None, kind: Kind = "model") -> Path | None:
    """Where the client keeps the part of a file whose download broke off."""
    folder = to or (_snapshot(name, revision) if kind == "dataset" else cached(name, revision))
    return (folder / f"{file.path}.incomplete") if folder else None


def download(name: str, listing: Listing, to: Path | None, meter: Meter, kind: Kind = "model") -> Path:
    """Get the files, several at once; files that are there and pass their checksum are kept.

    The client goes on with a broken file a few times in all; here it is asked again as long as bytes arrive.
    """
    # An old client's cache has one folder for all revisions: data of two would overwrite each other there.
    folder = to or (_snapshot(name, listing.revision) if kind == "dataset" else None)
    while True:
        before = meter.done_bytes
        output, failed = _get(name, listing, folder, meter, kind)
        if failed is None:
            break
        if not isinstance(failed, HubFailed) or meter.done_bytes <= before:
            raise failed
    if to is None and kind == "dataset":
        for file in listing.files:
            write_text(_note(name, listing.asked, file.path), listing.revision)
    return output


def _get(
    name: str, listing: Listing, folder: Path | None, meter: Meter, kind: Kind
) -> tuple[Path, Exception | None]:
    """One pass over the files: the folder, and what went wrong first."""
    with contextlib.closing(_report(name, listing, folder, meter, kind)) as report:
        for file in report.iter_files():
            if file.status != "VERIFIED":
                return Path(report.output_dir), _file_failed(name, kind, file)
            meter.finish(file.path)
        if not report.complete:
            reason = report.global_error or report.status
            failed = _failed(name, say("the download is incomplete: {reason}", reason=reason))
            return Path(report.output_dir), failed
        return Path(report.output_dir), None


def _report(name: str, listing: Listing, folder: Path | None, meter: Meter, kind: Kind) -> Any:
    """The client's report of a download; waits for another process that downloads the same."""
    from modelscope_hub import DownloadRetryPolicy, errors

    entries = [{"Path": f.path, "Size": f.size, "Sha256": f.sha256} for f in listing.files]
    with _errors(name, kind):
        while True:
            try:
                return _api().download_repo_report(
                    name, kind, revision=listing.revision, local_dir=folder, file_list=entries,
                    retry_failed=True, retry_policy=DownloadRetryPolicy(max_retries=RETRIES_PER_FILE),
                    progress_callbacks=[functools.partial(_Callback, meter)],
                )  # fmt: skip
            except errors.InvalidParameter as error:
                if "Another downloader" not in str(error):
                    raise
            time.sleep(LOCK_PAUSE_SECONDS)


def _snapshot(name: str, revision: str) -> Path:
    """The client's folder for one revision of a data repository."""
    return store() / "datasets" / name.replace("/", "--") / "snapshots" / revision


def _note(name: str, asked: str, path: str) -> Path:
    """Where loralab notes, beside the client's folders, the commit that a branch had of a file."""
    return store() / "datasets" / name.replace("/", "--") / "refs" / asked / f"{path}.commit"


class _Callback:
    """The client's progress callback for one file."""

    def __init__(self, meter: Meter, path: str, size: int) -> None:
        self._meter, self._path = meter, path
        meter.reach(path, 0)  # each attempt first tells of the part that is there

    def update(self, num_bytes: int) -> None:
        self._meter.add(self._path, num_bytes)

    def end(self) -> None: ...


def _file_failed(name: str, kind: Kind, file: Any) -> Exception:
    if file.error_type in ("FileIntegrityError", "FileSizeMismatchError"):
        return damaged(file.path, say("size or checksum is not that of the listing"))
    if file.error_type == "InvalidParameter":
        return _failed(name, say("lists a file that is not safe to write: {path}", path=file.path))
    if file.error_type in ("OSError", "PermissionError"):
        return OSError(errno.ENOSPC if "No space" in file.error else errno.EIO, file.error)
    if file.error_type in ("AuthenticationError", "PermissionDeniedError"):
        return _needs_login(name, kind)
    private = file.error_type.startswith("_")  # its budget of tries is used up
    why = say("the connection broke again and again") if private else file.error_type
    reason = say("broke off at {path}: {reason}", path=file.path, reason=why)
    return HubFailed(
        TITLE, endpoint(), name, reason, say("run the same command again, it goes on from there")
    )


def _api() -> Any:
    """A client that draws no bars and sends no lasting session id."""
    with quiet("modelscope_hub"):
        from modelscope_hub import HubApi, HubConfig, _download

    class Anonymous(HubConfig):  # type: ignore[misc]  # the package has no type information
        """The session id in the headers serves the hub's usage statistics alone: a new one each time."""

        def get_session_id(self) -> str:
            return uuid.uuid4().hex

    # The bars cannot be switched off by any option.
    if not isinstance(_download.tqdm, functools.partial):
        _download.tqdm = functools.partial(_download.tqdm, disable=True)
    return HubApi(config=Anonymous())


@contextlib.contextmanager
def _errors(name: str, kind: Kind) -> Iterator[None]:
    """The client's errors leave as HubFailed."""
    from modelscope_hub import errors

    try:
        with quiet("modelscope_hub"):
            yield
    except errors.NotExistError:
        reason = say("has no such repository or revision, or it is private")
        raise NoRepository(TITLE, endpoint(), name, reason, _login(name, kind)) from None
    except (errors.AuthenticationError, errors.PermissionDeniedError):
        raise _needs_login(name, kind) from None
    except errors.NetworkError as error:
        raise unreachable(TITLE, endpoint(), name, root_reason(error), kind) from None
    except errors.HubError as error:
        status = getattr(error, "status_code", None) or type(error).__name__
        raise _failed(name, say("answered with status {status}", status=status)) from None


def _login(name: str, kind: Kind) -> Words:
    return say("ms-hub login, then {command}", command=again(name, kind))


def _needs_login(name: str, kind: Kind) -> HubFailed:
    return HubFailed(TITLE, endpoint(), name, say("needs a login"), _login(name, kind))


def _failed(name: str, reason: Words) -> HubFailed:
    return HubFailed(TITLE, endpoint(), name, reason)
