"""Byte strings in, the same out later: in memory while they are few, in an unnamed temporary file when many."""

from __future__ import annotations

import json
import os
import tempfile
import weakref
from typing import IO, Any

from loralab.errors import Problem, ResourceError
from loralab.words import say

BLOCK = 4 << 20


class Spool:
    """Texts of rows, kept out of memory. The file has no name and is gone with the process."""

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None
        self._flushed = 0
        self._tail = bytearray()

    def put(self, data: bytes) -> int:
        """Store bytes; returns where they begin. Raises ResourceError if the temporary folder is full."""
        start = self._flushed + len(self._tail)
        self._tail += data
        if len(self._tail) >= BLOCK:
            self._flush()
        return start

    def get(self, start: int, length: int) -> bytes:
        """The `length` bytes that begin at `start`."""
        if start >= self._flushed:
            at = start - self._flushed
            return bytes(self._tail[at : at + length])
        assert self._file is not None
        return os.pread(self._file.fileno(), length, start)

    def put_json(self, value: Any) -> tuple[int, int]:
        """Store a JSON value, half surrogate pairs and all; returns where it begins and its length."""
        data = json.dumps(value, default=str).encode("ascii")
        return self.put(data), len(data)

    def get_json(self, start: int, length: int) -> Any:
        """The value that `put_json` stored."""
        return json.loads(self.get(start, length))

    def _flush(self) -> None:
        # a put never splits a value: what begins before `_flushed` ends before it too
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  # lives as long as the spool
                weakref.finalize(self, self._file.close)
            waiting = memoryview(self._tail)
            while waiting:
                waiting = waiting[self._file.write(waiting) :]
        except OSError as error:
            raise ResourceError(
                Problem(
                    say("rows cannot be kept in a temporary file: {reason}", reason=error.strerror or error),
                    tempfile.tempdir or "",  # unset where no folder at all can be written to
                    next=say("free some space there, or set TMPDIR to a folder on a larger disk"),
                )
            ) from None
        self._flushed += len(self._tail)
        self._tail = bytearray()
