"""A model folder in, its weight files out, checked by their headers: no weight is read, no torch imported."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from loralab.errors import Problem
from loralab.model.small_files import LFS_POINTER, leads_out, read_object
from loralab.words import Words, say

SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
SHARD = re.compile(r"model.*-of-\d+.*\.safetensors")
HEADER_LIMIT = 100_000_000  # bytes, as in the safetensors library

Shape = tuple[int, ...]


def weight_files(folder: Path) -> list[Path]:
    """The files that transformers loads from a checked folder: the single file, else the index's shards."""
    if (folder / SINGLE).is_file():
        return [folder / SINGLE]
    return [folder / name for name in _shards(folder)[0]]


def tensor_shapes(folder: Path) -> dict[str, Shape]:
    """Name and shape of each tensor in a checked folder's weight files; what cannot be read is left out."""
    shapes: dict[str, Shape] = {}
    for path in weight_files(folder):
        for name, entry in _header(path).items():
            shape = entry.get("shape") if isinstance(entry, dict) else None
            if isinstance(shape, list):
                shapes[name] = tuple(shape)
    return shapes


def _header(path: Path) -> dict[str, Any]:
    """The tensors that a safetensors file announces; none if its header cannot be read."""
    try:
        with path.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            value = json.loads(stream.read(length)) if length <= HEADER_LIMIT else {}
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def weight_problems(folder: Path) -> Iterator[Problem]:
    """What is missing or broken in a folder's weights."""
    if (folder / SINGLE).exists() or (folder / SINGLE).is_symlink():
        yield from _file_problems(folder, SINGLE)
    elif (folder / INDEX).is_file():
        names, problem = _shards(folder)
        if problem:
            yield problem
        for name in names:
            yield from _file_problems(folder, name)
    else:
        yield _no_weights(folder)


def _shards(folder: Path) -> tuple[list[str], Problem | None]:
    value, problem = read_object(folder, INDEX)
    if problem or not (folder / INDEX).exists():
        return [], problem
    names = value.get("weight_map")
    if not isinstance(names, dict) or not names or not all(isinstance(n, str) for n in names.values()):
        return [], Problem(say("has no weight_map that names the weight files"), str(folder / INDEX))
    return sorted(set(names.values())), None


def stays_inside(name: str) -> bool:
    """Whether a name that stands in a model's files is that of a file in the model's folder."""
    pure = PurePosixPath(name)
    return not (pure.is_absolute() or ".." in pure.parts or "\\" in name or "\0" in name)


def _file_problems(folder: Path, name: str) -> Iterator[Problem]:
    advice = say("get the model again, from a source you trust")
    if not stays_inside(name):
        what = say("names a weight file outside of the model folder: {name}", name=name)
        yield Problem(what, str(folder / INDEX), next=advice)
        return
    if not name.endswith(".safetensors"):  # transformers goes by the name, and would read it as a pickle
        what = say("names a weight file that is not safetensors: {name}", name=name)
        yield Problem(
            what, str(folder / INDEX), say("loading a pickle runs code that is in the file"), advice
        )
        return
    path = folder / name
    if path.is_symlink() and not path.exists():
        yield Problem(say("is a link to a file that does not exist"), str(path), next=_get_again())
    elif not path.is_file():
        why = say("{index} names it", index=INDEX)
        yield Problem(say("weight file is missing"), str(path), why, _get_again())
    elif leads_out(folder, path):
        yield Problem(
            say("is a link that leads out of the model folder"), str(path),
            next=say("copy the file into the folder, or name the folder that it lies in"),
        )  # fmt: skip
    elif broken := safetensors_problem(path):
        pull = say("git -C {folder} lfs pull", folder=folder)
        yield Problem(broken, str(path), next=pull if "git-lfs" in broken.template else _get_again())


def safetensors_problem(path: Path) -> Words | None:
    """What is wrong with a safetensors file, by header and size; None if it is whole."""
    try:
        return _header_problem(path)
    except OSError as error:
        return say("cannot be read: {reason}", reason=error.strerror)


def _header_problem(path: Path) -> Words | None:
    size = path.stat().st_size
    with path.open("rb") as stream:
        start = stream.read(8)
        if start + stream.read(len(LFS_POINTER) - 8) == LFS_POINTER:
            return say("is a git-lfs pointer, the weights themselves have not been fetched")
        length = int.from_bytes(start, "little")
        if len(start) < 8 or length > HEADER_LIMIT:
            return say("is not a safetensors file")
        if 8 + length > size:
            return say(
                "is cut off: {size} bytes, its header alone has {expected}", size=size, expected=8 + length
            )
        stream.seek(8)
        header = stream.read(length)
    end = _data_end(header)
    if end is None:
        return say("is not a safetensors file: its header is broken")
    if 8 + length + end != size:
        expected = 8 + length + end
        return say("is cut off or damaged: {size} bytes instead of {expected}", size=size, expected=expected)
    return _refused_by_library(path)


def _refused_by_library(path: Path) -> Words | None:
    """What the library that will read the file finds in its header: tensors that overlap, shapes that lie."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy"):
            return None
    except SafetensorError as error:
        return say("is not a safetensors file: {reason}", reason=error)


def _data_end(header: bytes) -> int | None:
    """Bytes of data that the header announces."""
    try:
        entries: dict[str, Any] = json.loads(header)
        return max((int(v["data_offsets"][1]) for k, v in entries.items() if k != "__metadata__"), default=0)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError, RecursionError):
        return None


def _no_weights(folder: Path) -> Problem:
    shards = sorted(p.name for p in folder.iterdir() if SHARD.fullmatch(p.name))
    if shards:
        what = say(
            "{index} is missing, which says what {first} and the others hold", index=INDEX, first=shards[0]
        )
        return Problem(what, str(folder), next=_get_again())
    pickles = sorted(p.name for pattern in PICKLES for p in folder.glob(pattern))
    if pickles:
        return Problem(
            say("has only pickle weights ({name}), no safetensors", name=pickles[0]),
            str(folder),
            say("loading a pickle runs code that is in the file"),
            say(
                'if you trust its source: python -c "import sys; from transformers import AutoModelForCausalLM as M;'
                ' M.from_pretrained(sys.argv[1]).save_pretrained(sys.argv[2])" {folder} {target},'
                " then copy the tokenizer files",
                folder=folder,
                target=Path(f"{folder}-safetensors"),
            ),
        )
    return Problem(
        say("has no weights: neither {single} nor {index}", single=SINGLE, index=INDEX),
        str(folder),
        next=_get_again(),
    )


def _get_again() -> Words:
    return say("copy the missing files, or get the model again: loralab fetch OWNER/NAME --to FOLDER")
