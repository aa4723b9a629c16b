"""Adapter and optimizer in, a checkpoint folder out, complete or absent; and back, checked by its hashes."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loralab.model.adapter import load_adapter, save_adapter, trainable
from loralab.run.files import dump_json, fsync_file, fsync_folder, sha256, writing
from loralab.run.folder import RunFolder
from loralab.run.tensor_files import write_tensors

OPTIMIZER, STATE = "optimizer.safetensors", "state.json"
FORMAT = 1


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint on disk whose files are whole."""

    path: Path
    step: int


def save_checkpoint(
    run: RunFolder,
    model: Any,
    optimizer: Any,
    step: int,
    state: dict[str, Any],
    dropout: float,
    base_name: str,
) -> int:
    """Write checkpoints/step-NNNNNN under a temporary name, sync and rename it; returns its bytes."""
    with _whole_folder(run.checkpoint(step)) as temporary:
        save_adapter(model, temporary, dropout, base_name)
        _save_optimizer(model, optimizer, temporary / OPTIMIZER)
        files = {p.name: sha256(p) for p in sorted(temporary.iterdir())}
        document = {"format": FORMAT, "step": step, **state, "files": files}
        (temporary / STATE).write_text(dump_json(document, indent=2) + "\n", "utf-8")
        return sum(p.stat().st_size for p in temporary.iterdir())


def save_chosen(run: RunFolder, model: Any, dropout: float, base_name: str) -> None:
    """Write adapter/, whole or not at all."""
    with _whole_folder(run.adapter) as temporary:
        save_adapter(model, temporary, dropout, base_name)


@contextlib.contextmanager
def _whole_folder(target: Path) -> Iterator[Path]:
    """A folder under a temporary name; synced and renamed to `target` when the block ends well, else removed."""
    temporary = target.with_name(f".{target.name}.tmp")
    with writing(target):
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        try:
            yield temporary
            for path in temporary.iterdir():
                fsync_file(path)
            fsync_folder(temporary)
            _remove(target)
            temporary.rename(target)
            fsync_folder(target.parent)
        finally:  # on a full disk half of it would take the space that the last events need
            shutil.rmtree(temporary, ignore_errors=True)


def _remove(path: Path) -> None:
    """Delete a checkpoint; it is renamed first, so that a kill on the way leaves no half of it."""
    if path.exists():
        doomed = path.with_name(f".{path.name}.old")
        shutil.rmtree(doomed, ignore_errors=True)
        path.rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)


def _save_optimizer(model: Any, optimizer: Any, path: Path) -> None:
    tensors = {}
    for name, parameter in trainable(model).items():
        for key, value in optimizer.state.get(parameter, {}).items():
            tensors[f"{key}/{name}"] = value.detach().cpu().contiguous()
    write_tensors(tensors, path)


def restore_checkpoint(checkpoint: Checkpoint, model: Any, optimizer: Any | None) -> None:
    """Put a checkpoint's adapter, and optimizer state if one is given, back in place."""
    from safetensors.torch import load_file

    load_adapter(model, checkpoint.path)
    if optimizer is None:
        return
    tensors = load_file(checkpoint.path / OPTIMIZER)
    optimizer.state.clear()
    for name, parameter in trainable(model).items():
        keys = [k for k in tensors if k.partition("/")[2] == name]
        for key in keys:
            kind = key.partition("/")[0]
            value = tensors[key]
            optimizer.state[parameter][kind] = value if kind == "step" else value.to(parameter.device)


def read_checkpoint(path: Path) -> Checkpoint | str:
    """The checkpoint at a path if its state and every file's hash are right, else what is wrong with it."""
    try:
        state = json.loads((path / STATE).read_text("utf-8"))
        files, step = dict(state["files"]), int(state["step"])
    except (OSError, ValueError, KeyError, TypeError):
        return f"{STATE} is missing or damaged"
    if path.name != f"step-{step:06d}":
        return f"{STATE} is of another step"
    for name, digest in files.items():
        if not (path / name).is_file():
            return f"{name} is missing"
        if sha256(path / name) != digest:
            return f"{name} is damaged"
    return Checkpoint(path, step)


def find_checkpoints(run: RunFolder) -> Iterator[Checkpoint | tuple[Path, str]]:
    """Checkpoints from the newest to the oldest; damaged ones as (path, what is wrong)."""
    for path in _newest_first(run):
        found = read_checkpoint(path)
        yield found if isinstance(found, Checkpoint) else (path, found)


def _newest_first(run: RunFolder) -> list[Path]:
    """The checkpoint folders by step; the number grows beyond its six digits."""
    paths = [p for p in run.checkpoints.glob("step-*") if p.name.removeprefix("step-").isdigit()]
    return sorted(paths, key=lambda p: int(p.name.removeprefix("step-")), reverse=True)


def prune(run: RunFolder, keep: int, always: Iterable[int]) -> None:
    """Delete all but the newest `keep` checkpoints; the steps in `always` stay."""
    kept = {run.checkpoint(step) for step in always}
    for path in _newest_first(run)[keep:]:
        if path not in kept:
            with contextlib.suppress(OSError):
                _remove(path)
