"""Everything a run was made from and on, in one JSON document."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from loralab.config.schema import Config
from loralab.data.report import FileInfo
from loralab.run.events import utc_now
from loralab.run.files import sha256
from loralab.run.folder import RunFolder
from loralab.run.view import FORMAT
from loralab.train.environment import git_state, hardware, versions


def make_manifest(
    folder: RunFolder,
    config: Config,
    command: Sequence[str],
    *,
    model: dict[str, Any],
    files: Sequence[FileInfo],
    evaluation: dict[str, Any],
    decoding: dict[str, Any],
    engine: dict[str, Any],
) -> dict[str, Any]:
    """The contents of manifest.json."""
    return {
        "format": FORMAT,
        "id": folder.path.name,
        "created": utc_now(),
        "command": list(command),
        "versions": versions(),
        "git": git_state(Path.cwd()),
        "hardware": hardware(),
        "seeds": {"train": config.train.seed, "split": config.data.split_seed},
        "config_sha256": sha256(folder.config),
        "data_files": [{"path": f.path, "sha256": f.sha256, "rows": f.rows} for f in files],
        "model": model,
        "evaluation_fingerprint": evaluation,
        "decoding": decoding,
        "engine": engine,
    }
