"""Hugging Face: a repository name in, its files out of the hub's own cache, through huggingface_hub."""

from __future__ import annotations

import contextlib
import importlib.util
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from loralab.hub.base import (
    HubFailed,
    Kind,
    Listing,
    Meter,
    NoRepository,
    RemoteFile,
    again,
    delete,
    quiet,
    root_reason,
    unreachable,
    verify,
)
from loralab.hub.resume import receive
from loralab.run.files import write_text
from loralab.words import Words, say

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

TITLE = "Hugging Face"
STORE_VARIABLE = "HF_HUB_CACHE"
DEFAULT_ENDPOINT = "https://huggingface.co"
REQUEST_SECONDS = 5.0
OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")


def endpoint() -> str:
    """HF_ENDPOINT, or huggingface.co."""
    return (os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT).rstrip("/")


def listing(name: str, revision: str | None, kind: Kind = "model") -> Listing:
    """The files at the commit to which `revision` (main when None) points now."""
    with _client(name, kind) as api:
        ask = api.model_info if kind == "model" else api.dataset_info
        info = ask(name, revision=revision, files_metadata=True, timeout=REQUEST_SECONDS)
    files = tuple(
        RemoteFile(s.rfilename, s.size, s.lfs.sha256 if s.lfs else None, s.blob_id)
        for s in info.siblings or ()
    )
    asked = revision or "main"
    return Listing(asked, info.sha or asked, files)


def cached(name: str, revision: str | None, kind: Kind = "model") -> Path | None:
    """The snapshot folder of an earlier download."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        with quiet("huggingface_hub"):
            return Path(snapshot_download(name, revision=revision, repo_type=kind, local_files_only=True))
    except HFValidationError:
        return None
    except LocalEntryNotFoundError as error:
        partial = getattr(error, "snapshot_path", None)  # loralab takes only some of a repository's files
        return Path(partial) if partial else None


def cached_data(name: str, revision: str | None, path: str) -> tuple[Path, str] | None:
    """A data file of an earlier download, at the commit at which `revision` (main when None) stood then."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = try_to_load_from_cache(name, path, revision=revision, repo_type="dataset")
    except HFValidationError:
        return None
    if not isinstance(found, str) or not Path(found).is_file():
        return None
    return Path(found), Path(found).relative_to(_folder(name, "dataset") / "snapshots").parts[0]


def present(name: str, revision: str, file: RemoteFile, to: Path | None, kind: Kind = "model") -> bool:
    """Whether the file is in the folder or cache with the right size."""
    from huggingface_hub import try_to_load_from_cache

    path = (
        to / file.path if to else try_to_load_from_cache(name, file.path, revision=revision, repo_type=kind)
    )
    if not isinstance(path, (str, Path)) or not Path(path).is_file():
        return False
    return file.size is None or Path(path).stat().st_size == file.size


def store() -> Path:
    """HF_HUB_CACHE, or its default."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def partial(name: str, revision: str, file: RemoteFile, to: Path | None, kind: Kind = "model") -> Path | None:
    """Where an unfinished download of a large file lies; None for a file that the client gets in one go."""
    places = _places(name, file, to, kind)
    return places.partial if places else None


def download(name: str, listing: Listing, to: Path | None, meter: Meter, kind: Kind = "model") -> Path:
    """Get the files in turn; each new one is checked against the listing's sha256 or git name."""
    from huggingface_hub import hf_hub_download

    folder = to or store()
    for file in listing.files:
        there = present(name, listing.revision, file, to, kind)
        if not there and to is None:
            _forget(name, listing.revision, file, kind)
        with _client(name, kind):
            if not there:
                _receive_large(name, listing.revision, file, to, meter, kind)
            path = hf_hub_download(
                name, file.path, revision=listing.revision, repo_type=kind, endpoint=endpoint(), local_dir=to,
                tqdm_class=_bar(meter, file.path),
            )  # fmt: skip
        if to or not there:
            verify(Path(path), file)
        meter.finish(file.path)
        folder = Path(path).parents[len(PurePosixPath(file.path).parts) - 1]
    if to is None and listing.asked != listing.revision:
        _remember(name, listing, kind)
    return folder


# ------------------------------------------------------------------------------- large files, resumed


@dataclass(frozen=True)
class _Places:
    """Where a large file goes, where its part waits, and the lock of both."""

    target: Path
    partial: Path
    lock: Path


def _places(name: str, file: RemoteFile, to: Path | None, kind: Kind) -> _Places | None:
    """None for files in git itself, which the hub keeps below 10 MB."""
    if not file.sha256 or not file.size:
        return None
    if to is None:
        folder = _folder(name, kind)
        target = folder / "blobs" / file.sha256
        lock = store() / ".locks" / folder.name / f"{file.sha256}.lock"
        return _Places(target, target.with_name(f"{file.sha256}.loralab.incomplete"), lock)
    state = to / ".cache" / "huggingface" / "download" / file.path
    partial = state.with_name(f"{state.name}.{file.sha256}.loralab.incomplete")
    return _Places(to / file.path, partial, state.with_name(f"{state.name}.loralab.lock"))


def _receive_large(
    name: str, revision: str, file: RemoteFile, to: Path | None, meter: Meter, kind: Kind
) -> None:
    """Put a large file where the client looks for it; it then makes its own links and notes."""
    from huggingface_hub import constants, hf_hub_url
    from huggingface_hub.utils import WeakFileLock  # type: ignore[attr-defined]

    places = _places(name, file, to, kind)
    url = hf_hub_url(name, file.path, repo_type=kind, revision=revision, endpoint=endpoint())
    if places is None or file.size is None:
        return
    if (kind == "model" or file.size > constants.MAX_HTTP_DOWNLOAD_SIZE) and _by_xet(url):
        return
    places.lock.parent.mkdir(parents=True, exist_ok=True)
    with WeakFileLock(places.lock):
        if to is None and places.target.exists() and places.target.stat().st_size == file.size:
            return  # another process was faster, or another commit has the same file
        reason = receive(url, places.partial, file.size, lambda done: meter.reach(file.path, done))
        if reason is not None:
            raise _broke_off(name, file.path, reason)
        places.target.parent.mkdir(parents=True, exist_ok=True)
        if to:  # the client believes its note of an older version rather than the file
            places.lock.with_name(f"{PurePosixPath(file.path).name}.metadata").unlink(missing_ok=True)
        places.partial.replace(places.target)


def _by_xet(url: str) -> bool:
    """Whether the client gets the file in many pieces at once: faster for weights, not to be continued."""
    from huggingface_hub import constants, get_hf_file_metadata

    if constants.HF_HUB_DISABLE_XET or importlib.util.find_spec("hf_xet") is None:
        return False
    metadata = get_hf_file_metadata(url, timeout=constants.HF_HUB_ETAG_TIMEOUT, endpoint=endpoint())
    return metadata.xet_file_data is not None


def _pieces_failed(name: str, kind: Kind, error: Exception) -> HubFailed:
    reason = say("the fast transfer in pieces (Xet) failed: {reason}", reason=type(error).__name__)
    advice = say(
        "set HF_HUB_DISABLE_XET=1, then {command}: plain HTTP goes on where it breaks",
        command=again(name, kind),
    )
    return HubFailed(TITLE, endpoint(), name, reason, advice)


def _broke_off(name: str, path: str, reason: str) -> HubFailed:
    what = say("broke off at {path}: {reason}", path=path, reason=reason)
    return HubFailed(TITLE, endpoint(), name, what, say("run the same command again, it goes on from there"))


# -------------------------------------------------------------------------------- the client's cache


def _folder(name: str, kind: Kind) -> Path:
    from huggingface_hub.file_download import repo_folder_name

    return store() / repo_folder_name(repo_id=name, repo_type=kind)


def _forget(name: str, revision: str, file: RemoteFile, kind: Kind) -> None:
    """Take a file of the wrong size out of the cache, where the client would take it for the right one."""
    from huggingface_hub import try_to_load_from_cache

    path = try_to_load_from_cache(name, file.path, revision=revision, repo_type=kind)
    if isinstance(path, str):
        delete(Path(path))


def _remember(name: str, listing: Listing, kind: Kind) -> None:
    """Note in the cache, in its own layout, at which commit a branch stood: so it is found offline."""
    write_text(_folder(name, kind) / "refs" / listing.asked, listing.revision)


def _bar(meter: Meter, path: str) -> Any:
    """A stand-in for the client's progress bar that draws nothing and tells the meter."""

    class Bar:
        def __init__(self, *_: object, initial: int = 0, **__: object) -> None:
            meter.add(path, initial)

        def __enter__(self) -> Bar:
            return self

        def __exit__(self, *_: object) -> None: ...

        def update(self, num_bytes: float | None = 1) -> None:
            meter.add(path, int(num_bytes or 0))

        def update_transfer(self, num_bytes: float | None = 1) -> None:
            """Bytes on the wire; `update` counts those on disk."""

        def __getattr__(self, name: str) -> Any:
            """Whatever else the client does to a bar: titles, rates, close."""
            return lambda *_, **__: None

    return Bar


@contextlib.contextmanager
def _client(name: str, kind: Kind) -> Iterator[HfApi]:
    """A client without telemetry; its errors leave as HubFailed."""
    from huggingface_hub import HfApi, constants, errors

    _refuse_offline(name, kind)
    constants.HF_HUB_DISABLE_TELEMETRY = True
    # The client's errors are httpx's, by the name that httpx has in this version of the client.
    transport: Any = errors.HfHubHTTPError.__mro__[1]
    try:
        with quiet("huggingface_hub"):
            yield HfApi(endpoint=endpoint())
    except (RuntimeError, ConnectionError, TimeoutError) as error:  # of its transfer in pieces
        raise _pieces_failed(name, kind, error) from None
    except errors.HFValidationError:
        reason = say("not asked, it has no repository of such a name")
        raise HubFailed(TITLE, endpoint(), name, reason) from None
    except errors.HfHubHTTPError as error:
        raise _refused(name, kind, error) from None
    except (transport, errors.LocalEntryNotFoundError, errors.FileMetadataError) as error:
        if isinstance(error.__cause__, errors.HfHubHTTPError):
            raise _refused(name, kind, error.__cause__) from None
        raise unreachable(TITLE, endpoint(), name, root_reason(error), kind) from None


def _refuse_offline(name: str, kind: Kind) -> None:
    from huggingface_hub import constants

    off = [v for v in OFFLINE if os.environ.get(v, "").upper() in constants.ENV_VARS_TRUE_VALUES]
    if off or constants.is_offline_mode():
        variable = off[0] if off else OFFLINE[0]
        advice = say("unset {variable}, then {command}", variable=variable, command=again(name, kind))
        raise HubFailed(
            TITLE, endpoint(), name, say("not asked, {variable} is set", variable=variable), advice
        )


def _refused(name: str, kind: Kind, error: HfHubHTTPError) -> HubFailed:
    from huggingface_hub import errors

    login: Words | None = say("hf auth login, then {command}", command=again(name, kind))
    status = error.response.status_code
    if isinstance(error, errors.GatedRepoError):
        reason = say("needs its licence to be accepted on the repository's page, and a login")
    elif isinstance(error, errors.RevisionNotFoundError):
        reason, login = say("has no such revision of this repository"), None
    elif isinstance(error, errors.RepositoryNotFoundError) or status in (401, 404):
        reason = say("has no repository of this name, or it is private")
        return NoRepository(TITLE, endpoint(), name, reason, login)
    else:
        reason, login = say("answered with status {status}", status=status), None
    return HubFailed(TITLE, endpoint(), name, reason, login)
