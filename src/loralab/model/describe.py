"""A model or adapter folder in, its files with their hashes out: what was used, for a record."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from loralab.model.adapter_folder import WEIGHTS
from loralab.model.misfit import SETTINGS
from loralab.model.small_files import read_object
from loralab.run.files import sha256

TEXT_FILES = (
    "config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "tokenizer.model",
    "vocab.json", "merges.txt",
)  # fmt: skip


def describe_model(
    name: str, origin: str, revision: str | None, folder: Path, weights: Sequence[Path]
) -> dict[str, Any]:
    """Name, origin and the hashes of weights, architecture and tokenizer (this reads the files whole)."""
    others = [folder / name for name in TEXT_FILES if (folder / name).is_file()]
    return {
        "name": name,
        "origin": origin,
        "revision": revision,
        "weights": [_file(p) for p in weights],
        "files": [_file(p) for p in others],
        "folder": str(folder),
    }


def describe_adapter(folder: Path) -> dict[str, Any]:
    """The hashes of a PEFT folder's weights and settings, and the base that its settings name."""
    return {
        "base": read_object(folder, SETTINGS)[0].get("base_model_name_or_path"),
        "weights": [_file(folder / WEIGHTS)],
        "files": [_file(folder / SETTINGS)],
        "folder": str(folder),
    }


def _file(path: Path) -> dict[str, Any]:
    return {"path": path.name, "sha256": sha256(path.resolve()), "bytes": path.stat().st_size}
