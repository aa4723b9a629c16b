"""A model's repository name in, a folder with its checked files out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from loralab.hub.base import Hub, HubFailed, Located, Meter, Progress, RemoteFile
from loralab.hub.files import HUBS, HubName, get_files, list_files, select
from loralab.words import say

# Only what transformers reads, and no pickle. Other folders hold second copies of the weights.
SMALL = (
    "*.json", "*.txt", "*.jinja", "*.model", "*.tiktoken", "LICENSE*", "README.md",
    "additional_chat_templates/*.jinja",
)  # fmt: skip
WEIGHTS = ("model*.safetensors",)
CODE = ("*.py",)
ALL = SMALL + WEIGHTS


def fetch(
    name: str,
    source: HubName,
    revision: str | None = None,
    patterns: Sequence[str] = ALL,
    progress: Progress | None = None,
    *,
    to: Path | None = None,
) -> Located:
    """Get the files of a model's repository that match `patterns`, into `to` or the hub's own cache.

    A listing without config.json or usable weights is refused before anything is sent. Raises as `get_files`.
    """
    hub = HUBS[source]
    listing = list_files(hub, name, revision)
    files = select(listing.files, patterns)
    _refuse_useless(hub, name, files, patterns)
    folder = get_files(hub, name, replace(listing, files=files), to, Meter(files, progress))
    return Located(folder, source, listing.revision)


def _refuse_useless(hub: Hub, name: str, files: Sequence[RemoteFile], patterns: Sequence[str]) -> None:
    if not any(f.path == "config.json" for f in files):
        reason = say("the repository holds no config.json: it is not a transformers model")
    elif set(WEIGHTS) <= set(patterns) and not any(f.path.endswith(".safetensors") for f in files):
        reason = say("the repository holds no safetensors weights; loralab does not load pickle files")
    else:
        return
    raise HubFailed(hub.TITLE, hub.endpoint(), name, reason)
