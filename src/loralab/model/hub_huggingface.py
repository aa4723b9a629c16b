"""Hugging Face: a repository name in, its files out of the hub's own cache, through huggingface_hub."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from loralab.model.hub import (
    HubFailed,
    Listing,
    Meter,
    RemoteFile,
    delete,
    quiet,
    root_reason,
    unreachable,
    verify,
)
from loralab.run.files import write_text
from loralab.words import Words, say

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

TITLE = "Hugging Face"
DEFAULT_ENDPOINT = "https://huggingface.co"
REQUEST_SECONDS = 5.0
OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")


def endpoint() -> str:
    """HF_ENDPOINT, or huggingface.co."""
    return (os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT).rstrip("/")


def listing(name: str, revision: str | None) -> Listing:
    """The files at the commit to which `revision` (main when None) points now."""
    with _client(name) as api:
        info = api.model_info(name, revision=revision, files_metadata=True, timeout=REQUEST_SECONDS)
    files = tuple(
        RemoteFile(s.rfilename, s.size, s.lfs.sha256 if s.lfs else None, s.blob_id)
        for s in info.siblings or ()
    )
    asked = revision or "main"
    return Listing(asked, info.sha or asked, files)


def cached(name: str, revision: str | None) -> Path | None:
    """The snapshot folder of an earlier download."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        with quiet("huggingface_hub"):
            return Path(snapshot_download(name, revision=revision, local_files_only=True))
    except LocalEntryNotFoundError as error:
        partial = getattr(error, "snapshot_path", None)  # loralab takes only some of a repository's files
        return Path(partial) if partial else None


def present(name: str, revision: str, file: RemoteFile, to: Path | None) -> bool:
    """Whether the file is in the folder or cache with the right size."""
    from huggingface_hub import try_to_load_from_cache

    path = to / file.path if to else try_to_load_from_cache(name, file.path, revision=revision)
    if not isinstance(path, (str, Path)) or not Path(path).is_file():
        return False
    return file.size is None or Path(path).stat().st_size == file.size


def store() -> Path:
    """HF_HUB_CACHE, or its default."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def download(name: str, listing: Listing, to: Path | None, meter: Meter) -> Path:
    """Get the files in turn; each new one is checked against the listing's sha256 or git name."""
    from huggingface_hub import hf_hub_download

    folder = to or store()
    for file in listing.files:
        there = present(name, listing.revision, file, to)
        if not there and to is None:
            _forget(name, listing.revision, file)
        with _client(name):
            path = hf_hub_download(
                name, file.path, revision=listing.revision, endpoint=endpoint(), local_dir=to,
                tqdm_class=_bar(meter, file.path),
            )  # fmt: skip
        if to or not there:
            verify(Path(path), file)
        meter.finish(file.path)
        folder = Path(path).parents[len(PurePosixPath(file.path).parts) - 1]
    if to is None and listing.asked != listing.revision:
        _remember(name, listing)
    return folder


def _forget(name: str, revision: str, file: RemoteFile) -> None:
    """Take a file of the wrong size out of the cache, where the client would take it for the right one."""
    from huggingface_hub import try_to_load_from_cache

    path = try_to_load_from_cache(name, file.path, revision=revision)
    if isinstance(path, str):
        delete(Path(path))


def _remember(name: str, listing: Listing) -> None:
    """Note in the cache, in its own layout, at which commit a branch stood: so it is found offline."""
    from huggingface_hub.file_download import repo_folder_name

    folder = store() / repo_folder_name(repo_id=name, repo_type="model")
    write_text(folder / "refs" / listing.asked, listing.revision)


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
def _client(name: str) -> Iterator[HfApi]:
    """A client without telemetry; its errors leave as HubFailed."""
    from huggingface_hub import HfApi, constants, errors

    _refuse_offline(name)
    constants.HF_HUB_DISABLE_TELEMETRY = True
    # The client's errors are httpx's, by the name that httpx has in this version of the client.
    transport: Any = errors.HfHubHTTPError.__mro__[1]
    try:
        with quiet("huggingface_hub"):
            yield HfApi(endpoint=endpoint())
    except errors.HfHubHTTPError as error:
        raise _refused(name, error) from None
    except (transport, errors.LocalEntryNotFoundError, errors.FileMetadataError) as error:
        if isinstance(error.__cause__, errors.HfHubHTTPError):
            raise _refused(name, error.__cause__) from None
        raise unreachable(TITLE, endpoint(), name, root_reason(error)) from None


def _refuse_offline(name: str) -> None:
    from huggingface_hub import constants

    off = [v for v in OFFLINE if os.environ.get(v, "").upper() in constants.ENV_VARS_TRUE_VALUES]
    if off or constants.is_offline_mode():
        variable = off[0] if off else OFFLINE[0]
        advice = say("unset {variable}, then loralab fetch {name}", variable=variable, name=name)
        raise HubFailed(
            TITLE, endpoint(), name, say("not asked, {variable} is set", variable=variable), advice
        )


def _refused(name: str, error: HfHubHTTPError) -> HubFailed:
    from huggingface_hub import errors

    login: Words | None = say("hf auth login, then loralab fetch {name}", name=name)
    status = error.response.status_code
    if isinstance(error, errors.GatedRepoError):
        reason = say("needs its licence to be accepted on the model's page, and a login")
    elif isinstance(error, errors.RevisionNotFoundError):
        reason, login = say("has no such revision of this repository"), None
    elif isinstance(error, errors.RepositoryNotFoundError) or status in (401, 404):
        reason = say("has no repository of this name, or it is private")
    else:
        reason, login = say("answered with status {status}", status=status), None
    return HubFailed(TITLE, endpoint(), name, reason, login)
