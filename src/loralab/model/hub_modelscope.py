"""ModelScope: a repository name in, its files out of the hub's own cache, through modelscope_hub.

The client resumes partial files and checks size and sha256 itself; a file that fails is deleted by it.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from loralab.model.hub import HubFailed, Listing, Meter, RemoteFile, damaged, quiet, root_reason, unreachable
from loralab.words import Words, say

TITLE = "ModelScope"
RETRIES_PER_FILE = 5


def endpoint() -> str:
    """MODELSCOPE_ENDPOINT, or modelscope.cn."""
    return str(_api().legacy.endpoint)


def listing(name: str, revision: str | None) -> Listing:
    """The files at a branch or tag (master when None)."""
    asked = revision or "master"
    with _errors(name):
        found = _api().list_repo_files(name, "model", revision=asked)
    files = tuple(RemoteFile(f.path, f.size, f.sha256) for f in found if f.type != "tree")
    return Listing(asked, asked, files)


def cached(name: str, revision: str | None) -> Path | None:
    """The snapshot folder of an earlier download."""
    api = _api()
    from modelscope_hub import CacheNotFound

    try:
        with quiet("modelscope_hub"):
            return Path(api.download_repo(name, "model", revision=revision, local_files_only=True))
    except CacheNotFound:
        return None


def present(name: str, revision: str, file: RemoteFile, to: Path | None) -> bool:
    """Whether the file is in the folder or cache with the right size."""
    folder = to or cached(name, revision)
    path = folder / file.path if folder else None
    return path is not None and path.is_file() and path.stat().st_size == file.size


def store() -> Path:
    """MODELSCOPE_CACHE, or its default."""
    from modelscope_hub import HubConfig

    return Path(HubConfig(token="").cache_dir)


def download(name: str, listing: Listing, to: Path | None, meter: Meter) -> Path:
    """Get the files, several at once; files that are there and pass their checksum are kept."""
    api = _api()
    from modelscope_hub import DownloadRetryPolicy

    entries = [{"Path": f.path, "Size": f.size, "Sha256": f.sha256} for f in listing.files]
    with _errors(name):
        report = api.download_repo_report(
            name, "model", revision=listing.revision, local_dir=to, file_list=entries, retry_failed=True,
            retry_policy=DownloadRetryPolicy(max_retries=RETRIES_PER_FILE),
            progress_callbacks=[functools.partial(_Callback, meter)],
        )  # fmt: skip
    with contextlib.closing(report):
        for file in report.iter_files():
            if file.status != "VERIFIED":
                raise _file_failed(name, file)
            meter.finish(file.path)
        if not report.complete:
            raise _failed(
                name, say("the download is incomplete: {reason}", reason=report.global_error or report.status)
            )
    return Path(report.output_dir)


class _Callback:
    """The client's progress callback for one file."""

    def __init__(self, meter: Meter, path: str, size: int) -> None:
        self._meter, self._path = meter, path

    def update(self, num_bytes: int) -> None:
        self._meter.add(self._path, num_bytes)

    def end(self) -> None: ...


def _file_failed(name: str, file: Any) -> Exception:
    if file.error_type in ("FileIntegrityError", "FileSizeMismatchError"):
        return damaged(file.path, say("size or checksum is not that of the listing"))
    if file.error_type == "InvalidParameter":
        return _failed(name, say("lists a file that is not safe to write: {path}", path=file.path))
    if file.error_type in ("OSError", "PermissionError"):
        return OSError(errno.ENOSPC if "No space" in file.error else errno.EIO, file.error)
    reason = say("broke off at {path}: {reason}", path=file.path, reason=file.error_type)
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
def _errors(name: str) -> Iterator[None]:
    """The client's errors leave as HubFailed."""
    from modelscope_hub import errors

    login = say("ms-hub login, then loralab fetch {name}", name=name)
    try:
        with quiet("modelscope_hub"):
            yield
    except errors.NotExistError:
        reason = say("has no such repository or revision, or it is private")
        raise HubFailed(TITLE, endpoint(), name, reason, login) from None
    except (errors.AuthenticationError, errors.PermissionDeniedError):
        raise HubFailed(TITLE, endpoint(), name, say("needs a login"), login) from None
    except errors.NetworkError as error:
        raise unreachable(TITLE, endpoint(), name, root_reason(error)) from None
    except errors.HubError as error:
        status = getattr(error, "status_code", None) or type(error).__name__
        raise _failed(name, say("answered with status {status}", status=status)) from None


def _failed(name: str, reason: Words) -> HubFailed:
    return HubFailed(TITLE, endpoint(), name, reason)
