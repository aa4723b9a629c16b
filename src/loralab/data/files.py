"""A file on disk in, its plain bytes out, block by block; gzip is unpacked on the way."""

from __future__ import annotations

import itertools
import stat
import tempfile
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from loralab.errors import DataError, Problem, ResourceError
from loralab.words import Words, say

BLOCK = 1 << 18  # bytes
HEAD = 1 << 16  # bytes that show what a file is
GZIP = b"\x1f\x8b"

Update = Callable[[bytes], object]


def data_blocks(path: Path, update: Update) -> Iterator[bytes]:
    """The file's bytes without their gzip wrapping; `update` is called with the bytes as they are stored.

    Raises DataError for what cannot be read, also midway: packed data that end too early are no data.
    """
    head, blocks = _peek(stored_blocks(path, update), len(GZIP))
    if head.startswith(GZIP):
        blocks = _unpacked(path, blocks)
    elif head and path.suffix.lower() == ".gz":
        raise _unreadable(path, say("not gzip data"), next=say("rename it if it is not compressed"))
    yield from blocks


def read_head(path: Path) -> bytes:
    """The first HEAD plain bytes of the file, or all there are. Raises DataError."""
    return _peek(data_blocks(path, len), HEAD)[0][:HEAD]


def stored_blocks(path: Path, update: Update) -> Iterator[bytes]:
    """The file's bytes as they are stored, each block passed to `update`. Raises DataError."""
    try:
        mode = path.stat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # opening a pipe would wait for its writer
            raise _unreadable(
                path, say("it is a pipe or a device"), next=say("write its content to a file first")
            )
        with path.open("rb", buffering=0) as file:
            while block := file.read(BLOCK):
                update(block)
                yield block
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from None
    except ValueError as error:  # a path that no file can have
        raise _unreadable(path, str(error)) from None


@contextmanager
def plain_file(path: Path, update: Update) -> Iterator[IO[bytes]]:
    """The file's plain bytes as a file that is read at any place, once `update` has had all stored bytes.

    Raises DataError as `data_blocks`, ResourceError if a packed file does not fit into the temporary folder.
    """
    head, blocks = _peek(stored_blocks(path, update), len(GZIP))
    if head.startswith(GZIP):
        with tempfile.TemporaryFile() as copy:
            _fill(path, copy, _unpacked(path, blocks))
            yield copy
        return
    deque(blocks, maxlen=0)
    try:
        file = path.open("rb")
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from None
    with file:
        yield file


def _fill(path: Path, copy: IO[bytes], blocks: Iterator[bytes]) -> None:
    try:
        copy.writelines(blocks)
        copy.seek(0)
    except OSError as error:
        raise ResourceError(
            Problem(
                say(
                    "cannot be unpacked into {folder}: {reason}",
                    folder=tempfile.gettempdir(),
                    reason=error.strerror,
                ),
                str(path),
                next=say("free some space there, or set TMPDIR to a folder on a larger disk"),
            )
        ) from None


def _peek(blocks: Iterator[bytes], size: int) -> tuple[bytes, Iterator[bytes]]:
    """(at least the first `size` bytes, all blocks)."""
    head: list[bytes] = []
    there = 0
    while there < size and (block := next(blocks, b"")):
        head.append(block)
        there += len(block)
    start = b"".join(head)
    return start, itertools.chain([start] if start else [], blocks)


def _unpacked(path: Path, blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The plain bytes of gzip members one after the other (RFC 1952), with zeros between them or not."""
    unpack, whole = zlib.decompressobj(wbits=31), False  # whether a member has been read to its end
    try:
        for packed in blocks:
            rest = packed
            while rest:
                if unpack.eof:
                    rest = rest.lstrip(b"\0")
                    if not rest:
                        break
                    if rest[:1] != GZIP[:1]:
                        raise _text_after_gzip(path)
                    unpack, whole = zlib.decompressobj(wbits=31), True
                plain = unpack.decompress(rest, BLOCK)
                if plain:
                    yield plain
                rest = unpack.unconsumed_tail or unpack.unused_data
    except zlib.error as error:
        if whole and "incorrect header check" in str(error):
            raise _text_after_gzip(path) from None
        raise _unreadable(path, str(error)) from None
    if not unpack.eof:
        raise _unreadable(
            path,
            say("the gzip data end too early"),
            next=say("the file is incomplete: download or copy it again"),
        )


def _text_after_gzip(path: Path) -> DataError:
    return _unreadable(
        path,
        say("bytes that are not gzip data stand after the end of the gzip data"),
        next=say("the file is damaged, or something was appended to it: download or pack it again"),
    )


def _unreadable(path: Path, reason: str | Words, next: Words | None = None) -> DataError:
    return DataError(Problem(say("cannot be read: {reason}", reason=reason), str(path), next=next))
