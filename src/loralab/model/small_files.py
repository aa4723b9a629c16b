"""A JSON file of a model folder in, its object out, or what is wrong with the file."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from loralab.errors import Problem
from loralab.words import Words, say

LFS_POINTER = b"version https://git-lfs.github.com/spec/"


def read_object(folder: Path, name: str) -> tuple[dict[str, Any], Problem | None]:
    """The JSON object in a file; empty with a problem if it is broken, empty without one if it is absent."""
    path = folder / name
    if not path.exists() and not path.is_symlink():
        return {}, None
    what = place_problem(folder, path)
    if what:
        return {}, Problem(what, str(path))
    try:
        data = path.read_bytes()
    except OSError as error:
        return {}, Problem(say("cannot be read: {reason}", reason=error.strerror), str(path))
    return _parse(folder, path, data)


def _parse(folder: Path, path: Path, data: bytes) -> tuple[dict[str, Any], Problem | None]:
    try:
        value = json.loads(data)
    except json.JSONDecodeError as error:
        return {}, _broken(folder, path, data, error)
    except UnicodeDecodeError:
        return {}, Problem(say("is not UTF-8 text"), str(path))
    except ValueError:  # Python reads no more digits than that
        return {}, Problem(
            say("holds a number of more than {n} digits", n=sys.get_int_max_str_digits()), str(path)
        )
    except RecursionError:
        return {}, Problem(say("is nested too deeply"), str(path))
    if not isinstance(value, dict):
        return {}, Problem(say("must hold a JSON object"), str(path))
    return value, None


def place_problem(folder: Path, path: Path) -> Words | None:
    """What is wrong with a path of a model folder: a link to nothing or out of the folder, no file."""
    if path.is_symlink() and not path.exists():
        return say("is a link to a file that does not exist")
    if leads_out(folder, path):
        return say("is a link that leads out of the model folder")
    if path.exists() and not path.is_file():  # a folder, or a pipe, from which a read would never come back
        return say("is not a file")
    return None


def leads_out(folder: Path, path: Path) -> bool:
    """Whether a path resolves to a file outside of the folder, or of the hub cache that it is part of."""
    return not path.resolve().is_relative_to(_root(folder.resolve()))


def _root(folder: Path) -> Path:
    """Where files may lie. In Hugging Face's cache a snapshot links into blobs, which models may share."""
    repository = folder.parent.parent
    if folder.parent.name == "snapshots" and repository.name.startswith("models--"):
        return repository.parent
    return folder


def _broken(folder: Path, path: Path, data: bytes, error: json.JSONDecodeError) -> Problem:
    where = f"{path}:{error.lineno}"
    if data.startswith(LFS_POINTER):
        pull = say("git -C {folder} lfs pull", folder=folder)
        return Problem(
            say("is a git-lfs pointer, the file itself has not been fetched"), str(path), next=pull
        )
    if not data.strip():
        return Problem(say("is empty"), str(path))
    cut_off = error.pos >= len(data.decode("utf-8", "replace").rstrip()) or error.msg.startswith(
        "Unterminated"
    )
    if cut_off:
        return Problem(say("is cut off: the JSON does not end"), where)
    return Problem(say("is not valid JSON: {reason}", reason=error.msg), where)
