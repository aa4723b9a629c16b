"""Encoded rows in, one file with their tokens out, and back: a header, the tokens, what is known of each row.

4096 bytes   JSON: format, counts, largest id, sha256 of all that follows; filled up with spaces
uint32 (T,)  the tokens of all rows one after the other; the top bit tells that a token is trained on
int64 (n,)   tokens of each row
uint8 (n,)   whether the ids equal those of the whole text tokenised at once
int64 (m, 3) trained stretches: row, first token, token after the last; each ends with an end token
JSON         rows that cannot be encoded: {row: [reason, sentence]}
"""

from __future__ import annotations

import hashlib
import json
import mmap
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from loralab.data.reasons import BadRow
from loralab.encode.encode import Encoded
from loralab.encode.scratch import ScratchFile
from loralab.words import recorded

FORMAT = 1
HEADER_BYTES = 4096
TRAINED = 1 << 31
BLOCK_BYTES = 4 << 20


class Damaged(Exception):
    """A file that is not what was once written: half of it, or changed since."""


@dataclass(frozen=True)
class TokenData:
    """What stands in a file: tokens (T,), lengths and agrees (n,), trained stretches (m, 3), faults by row."""

    words: npt.NDArray[np.uint32]
    lengths: npt.NDArray[np.int64]
    agrees: npt.NDArray[np.bool_]
    stretches: npt.NDArray[np.int64]
    faults: dict[int, BadRow]
    largest_id: int


class TokenWriter:
    """Takes encoded rows one by one and writes their tokens as it goes."""

    def __init__(self, file: ScratchFile) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self._waiting = bytearray()
        self._lengths, self._agrees, self._stretches = array("q"), array("B"), array("q")
        self._faults: dict[int, list[object]] = {}
        self._tokens = self._largest = 0
        file.write(bytes(HEADER_BYTES))

    def add(self, result: Encoded | BadRow) -> None:
        """Append the next row; one that cannot be encoded has no tokens."""
        row = len(self._lengths)
        encoded = Encoded((), ()) if isinstance(result, BadRow) else result
        if isinstance(result, BadRow):
            self._faults[row] = [result.reason, result.detail.to_dict()]
        words = np.array(array("I", encoded.ids), np.uint32)
        if len(words):
            self._largest = max(self._largest, int(words.max()))
        for start, stop in _stretches(encoded.trained):
            words[start:stop] |= TRAINED
            self._stretches.extend((row, start, stop))
        self._lengths.append(len(words))
        self._agrees.append(encoded.agrees)
        self._put(words.tobytes())

    def finish(self, key: str) -> None:
        """Write what is known of the rows, and last the header, without which the file counts for nothing."""
        faults = json.dumps(self._faults).encode("ascii")
        for part in (self._lengths.tobytes(), self._agrees.tobytes(), self._stretches.tobytes(), faults):
            self._put(part)
        self._flush()
        header = {
            "format": FORMAT,
            "key": key,
            "tokens": sum(self._lengths),
            "rows": len(self._lengths),
            "stretches": len(self._stretches) // 3,
            "faults_bytes": len(faults),
            "largest_id": self._largest,
        }
        header["sha256"] = _digest(self._hash, header)
        self._file.write_at_start(json.dumps(header).encode("ascii").ljust(HEADER_BYTES))

    def _put(self, data: bytes) -> None:
        self._waiting += data
        if len(self._waiting) >= BLOCK_BYTES:
            self._flush()

    def _flush(self) -> None:
        self._hash.update(self._waiting)
        self._file.write(self._waiting)
        self._waiting = bytearray()


def read_checked(path: Path, key: str) -> TokenData:
    """What was written under this key; raises Damaged if any byte is not as it was, OSError if it is not readable."""
    with path.open("rb") as stream:
        header = _header(stream.read(HEADER_BYTES))
        if header.get("key") != key or path.stat().st_size != _file_bytes(header):
            raise Damaged
        digest = hashlib.sha256()
        while block := stream.read(BLOCK_BYTES):
            digest.update(block)
        if _digest(digest, header) != header.get("sha256"):
            raise Damaged
        return _data(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ), header)


def read_written(mapped: mmap.mmap) -> TokenData:
    """What this process has just written."""
    return _data(mapped, _header(mapped[:HEADER_BYTES]))


def _digest(data: hashlib._Hash, header: Mapping[str, Any]) -> str:
    """Hex sha256 over the data and what the header says of them."""
    whole = data.copy()
    whole.update(json.dumps([[k, v] for k, v in header.items() if k != "sha256"]).encode("ascii"))
    return whole.hexdigest()


def _header(data: bytes) -> dict[str, Any]:
    try:
        header = json.loads(data.decode("ascii"))
    except (ValueError, RecursionError):
        raise Damaged from None
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise Damaged
    return header


def _file_bytes(header: Mapping[str, Any]) -> int:
    """The size that a file with this header has; raises Damaged if it says none."""
    sizes = {"tokens": 4, "rows": 8 + 1, "stretches": 3 * 8, "faults_bytes": 1}
    counts = {name: header.get(name) for name in sizes}
    whole = {name: n for name, n in counts.items() if isinstance(n, int) and n >= 0}
    if len(whole) < len(sizes):
        raise Damaged
    return HEADER_BYTES + sum(n * sizes[name] for name, n in whole.items())


def _data(mapped: mmap.mmap, header: Mapping[str, Any]) -> TokenData:
    at = HEADER_BYTES

    def take(kind: type[np.generic], count: int) -> npt.NDArray[Any]:
        nonlocal at
        values: npt.NDArray[Any] = np.frombuffer(mapped, kind, count, at)
        at += values.nbytes
        return values

    rows = header["rows"]
    words = take(np.uint32, header["tokens"])
    lengths, agrees = take(np.int64, rows).copy(), take(np.uint8, rows).astype(np.bool_)
    stretches = take(np.int64, 3 * header["stretches"]).reshape(-1, 3).copy()
    faults = json.loads(mapped[at : at + header["faults_bytes"]])
    bad = {int(row): BadRow(reason, recorded(detail)) for row, (reason, detail) in faults.items()}
    return TokenData(words, lengths, agrees, stretches, bad, header["largest_id"])


def _stretches(trained: tuple[bool, ...]) -> Iterator[tuple[int, int]]:
    """(first, after the last) of each stretch of trained tokens."""
    flags = bytes(trained) + b"\0"
    stop = 0
    while (start := flags.find(1, stop)) >= 0:
        stop = flags.index(0, start)
        yield start, stop
