"""Bytes or JSON in, a complete file on disk out: temporary name, fsync, rename."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import math
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from loralab.errors import Problem, ResourceError
from loralab.words import say

# How a system says that a disk, a share of it, or what a process may put into one file, is full.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def jsonable(value: Any) -> Any:
    """`value` with non-finite numbers as the strings "NaN", "Infinity", "-Infinity" and paths as text."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {str(k): jsonable(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(v) for v in value]
    return str(value) if isinstance(value, Path) else value


def dump_json(value: Any, indent: int | None = None) -> str:
    """Strict JSON: UTF-8 text kept, no NaN; lone surrogates, which UTF-8 cannot hold, stay escaped."""
    text = json.dumps(jsonable(value), ensure_ascii=False, allow_nan=False, indent=indent)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return json.dumps(jsonable(value), ensure_ascii=True, allow_nan=False, indent=indent)
    return text


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn a full disk or a folder that cannot be written into a ResourceError that names the path."""
    try:
        yield
    except OSError as error:
        full = error.errno in FULL
        advice = (
            say("free some space, then run the command again; a run goes on with loralab resume")
            if full
            else say("choose another place: run.dir=FOLDER for runs, else the command's own option")
        )
        raise ResourceError(
            Problem(say("cannot be written: {reason}", reason=error.strerror), str(path), next=advice)
        ) from error


def write_chunks(path: Path, chunks: Iterable[bytes]) -> None:
    """Write a whole file or none: temporary name, fsync, rename, fsync of the folder."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")  # two may write at once
        try:
            with temporary.open("wb") as stream:
                stream.writelines(chunks)
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        fsync_folder(path.parent)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a whole file or none."""
    write_chunks(path, [data])


def write_text(path: Path, text: str) -> None:
    """Write a whole UTF-8 file or none."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write a whole JSON file or none."""
    write_text(path, dump_json(value, indent=2) + "\n")


def write_json_lines(path: Path, rows: Iterable[Any]) -> None:
    """Write a whole JSON-lines file or none."""
    write_chunks(path, (f"{dump_json(row)}\n".encode() for row in rows))


def read_json_lines(path: Path) -> list[Any]:
    """The rows of a JSON-lines file; an absent file has none."""
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line.strip()]


def read_rows(path: Path, fits: Callable[[dict[str, Any]], bool]) -> tuple[list[dict[str, Any]], int]:
    """The rows of a JSON-lines file that may be damaged, and how many lines are none that `fits`."""
    lines = [line for line in path.read_bytes().split(b"\n") if line.strip()] if path.is_file() else []
    rows = [row for line in lines if (row := _row(line)) is not None and fits(row)]
    return rows, len(lines) - len(rows)


def _row(line: bytes) -> dict[str, Any] | None:
    """The JSON object on a line; None if there is none."""
    try:
        value = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def fsync_folder(folder: Path) -> None:
    """Make a rename in `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def fsync_file(path: Path) -> None:
    """Make the content of a file that a library wrote durable."""
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def sha256(path: Path) -> str:
    """Hex sha256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
