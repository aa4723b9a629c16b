"""What every reader of data files yields: one record with its place, or with the reason why it is none."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from loralab.data.reasons import BadRow


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a file: its value, or its fault.

    `number` counts from 1 over the file's records. `line` is the physical line, from 1, on which the row
    starts; None where there is none (an array on one line, Parquet). The value of a faulty record is its raw
    text, if there is one; bytes that do not decode stand in it as half surrogate pairs. `unread` of a fault says
    that more of the file follows or was swallowed, which could not be read: it may hold any number of rows.
    """

    path: str
    number: int
    line: int | None
    value: Any = None
    fault: BadRow | None = None
    unread: bool = False

    @property
    def place(self) -> str:
        """`path:line`, or `path:#number` where there is no line."""
        return f"{self.path}:{self.line or '#' + str(self.number)}"


@dataclass
class DataFile:
    """A data file: what it is, what was repaired in it.

    `kind` is "JSON lines", "JSON array", "JSON object", "CSV", "TSV" (with the separator behind it where it is
    another, "CSV (;)"), "Parquet" or "Arrow". `sha256`, of the bytes as stored, and `repaired` ("bom", "crlf")
    are complete once the records have been read to the end.
    """

    path: str
    sha256: str
    kind: str
    repaired: set[str] = field(default_factory=set)
