"""Hugging Face: a repository name in, its files out of the hub's own cache, through huggingface_hub."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from loralab.model.hub import HubFailed, Listing, Meter, RemoteFile, quiet, root_reason, verify
from loralab.run.files import write_text
from loralab.words import Words, say

if TYPE_CHECKING:
    from huggingface_hub import HfApi

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
        with _client(name):
            path = hf_hub_download(
                name, file.path, revision=listing.revision, endpoint=endpoint(), local_dir=to,
                # A cached file of the wrong size is not what the client takes it for.
                force_download=not there and to is None, tqdm_class=_bar(meter, file.path),
            )  # fmt: skip
        if to or not there:
            verify(Path(path), file)
        meter.finish(file.path)
        folder = Path(path).parents[len(PurePosixPath(file.path).parts) - 1]
    if to is None and listing.asked != listing.revision:
        _remember(name, listing)
    return folder


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

        def __getattr__(
            self, name: str
        ) -> Any:  # whatever else the client asks of a bar: titles, rates, close
            return lambda *_, **__: None

    return Bar


@contextlib.contextmanager
def _client(name: str) -> Iterator[HfApi]:
    """A client without telemetry; its errors leave as HubFailed."""
    from huggingface_hub import HfApi, constants, errors

    off = next((v for v in OFFLINE if os.environ.get(v, "").upper() in constants.ENV_VARS_TRUE_VALUES), None)
    if off or constants.is_offline_mode():
        variable = off or OFFLINE[0]
        raise _failed(name, say("not asked, {variable} is set", variable=variable), f"unset {variable}")
    constants.HF_HUB_DISABLE_TELEMETRY = True
    transport_error: Any = errors.HfHubHTTPError.__mro__[
        1
    ]  # httpx's HTTPError, whichever httpx the client uses
    try:
        with quiet("huggingface_hub"):
            yield HfApi(endpoint=endpoint())
    except errors.GatedRepoError:
        reason = say("needs its licence to be accepted on the model's page, and a login")
        raise _failed(name, reason, "hf auth login") from None
    except errors.RepositoryNotFoundError:
        reason = say("has no repository of this name, or it is private")
        raise _failed(name, reason, "hf auth login") from None
    except errors.RevisionNotFoundError:
        raise _failed(name, say("has no such revision of this repository")) from None
    except errors.HfHubHTTPError as error:
        raise _failed(name, say("answered with status {status}", status=error.response.status_code)) from None
    except (transport_error, errors.LocalEntryNotFoundError, errors.FileMetadataError) as error:
        raise _failed(name, say("cannot be reached: {reason}", reason=root_reason(error))) from None


def _failed(name: str, reason: Words, command: str = "") -> HubFailed:
    return HubFailed(TITLE, endpoint(), name, reason, command)
