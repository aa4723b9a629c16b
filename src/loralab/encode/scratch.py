"""Bytes in, a file out: under its name if its folder allows that, else one without a name that ends with the process."""

from __future__ import annotations

import contextlib
import mmap
import os
import tempfile
from pathlib import Path
from typing import IO

from loralab.errors import Problem, ResourceError
from loralab.run.files import fsync_folder
from loralab.words import say

COPY_BYTES = 4 << 20
TEMPORARY_SUFFIX = ".tmp"


class ScratchFile:
    """A file that is being written; `with` removes what has not been kept.

    `path` is the name it is to have; None if it needs none. If it cannot be written there (no rights, disk
    full), it goes on without a name, and `fault` says why. Raises ResourceError if that fails too.
    """

    def __init__(self, path: Path | None) -> None:
        self.fault: OSError | None = None
        self._path = path
        self._temporary: Path | None = None  # as long as the file is to have a name
        self._size = 0
        try:
            self._stream = self._named(path) if path else _unnamed()
        except OSError as error:
            self.fault, self._stream = error, _unnamed()

    def __enter__(self) -> ScratchFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        self._remove()

    def write(self, data: bytes | bytearray) -> None:
        """Append bytes."""
        self._write_at(self._size, data)
        self._size += len(data)

    def write_at_start(self, data: bytes) -> None:
        """Overwrite the first bytes."""
        self._write_at(0, data)

    def keep(self) -> None:
        """Give the file its name, after all of it is on the disk; without a name there is nothing to do."""
        if self._temporary is None or self._path is None:
            return
        try:
            os.fsync(self._stream.fileno())
            self._temporary.replace(self._path)
        except OSError as error:
            self._go_on_without_name(error)
            return
        self._temporary = None
        with contextlib.suppress(
            OSError
        ):  # its checksum tells if the name outlived a power cut and it did not
            fsync_folder(self._path.parent)

    def map(self) -> mmap.mmap:
        """The file as memory, which may outlive this object."""
        return mmap.mmap(self._stream.fileno(), 0, access=mmap.ACCESS_READ)

    def _named(self, path: Path) -> IO[bytes]:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # rows are nobody else's business
        number, name = tempfile.mkstemp(TEMPORARY_SUFFIX, f".{path.name}.", path.parent)
        self._temporary = Path(name)
        return os.fdopen(number, "w+b", buffering=0)

    def _write_at(self, at: int, data: bytes | bytearray) -> None:
        try:
            _write(self._stream, at, data)
        except OSError as error:
            if self._temporary is None:
                raise _resource_error(error) from None
            self._go_on_without_name(error)
            self._write_at(at, data)

    def _go_on_without_name(self, error: OSError) -> None:
        """Copy what has been written so far, and free the space that it took."""
        self.fault, named = error, self._stream
        self._stream = _unnamed()
        try:
            for at in range(0, self._size, COPY_BYTES):
                named.seek(at)
                _write(self._stream, at, named.read(min(COPY_BYTES, self._size - at)))
        except OSError as second:
            raise _resource_error(second) from None
        finally:
            named.close()
            self._remove()

    def _remove(self) -> None:
        if self._temporary is not None:
            with contextlib.suppress(OSError):  # gone already, or a folder that has become read-only
                self._temporary.unlink()
            self._temporary = None


def _unnamed() -> IO[bytes]:
    try:
        return tempfile.TemporaryFile(buffering=0)  # lives as long as it is used
    except OSError as error:
        raise _resource_error(error) from None


def _write(stream: IO[bytes], at: int, data: bytes | bytearray) -> None:
    stream.seek(at)
    rest = memoryview(data)
    while rest:
        rest = rest[stream.write(rest) :]


def _resource_error(error: OSError) -> ResourceError:
    return ResourceError(
        Problem(
            say(
                "token ids cannot be kept in a temporary file: {reason}", reason=error.strerror or str(error)
            ),
            tempfile.gettempdir(),
            next=say("free some space there, or set TMPDIR to a folder on a larger disk"),
        )
    )
