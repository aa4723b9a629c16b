"""Conversations in, a sequence of rows out that holds a few numbers of each and reads its text when asked."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar, overload

import numpy as np
import numpy.typing as npt

from loralab.data.conversation import Conversation, Row, copy_key, pack, question_key, unpack
from loralab.data.spool import Spool

Index = npt.NDArray[np.int64]
T = TypeVar("T")
TRAIN, TEST, PROBES = 0, 1, 2  # the files that a row came from: data.train, data.test, data.probes

# 64 bits of a hash stand for a text: among 1,000,000 rows two texts share them with a chance of 3 in 100 million
COLUMNS = {
    "content": "Q",  # sha256 over the messages: the row's id
    "question": "Q",  # sha256 over the split seed and the question's key: its rank in the choice of test rows
    "talk": "Q",  # sha256 over the turns without the system message
    "answer": "q",  # hash() of the last answer: equal or not, within this process
    "position": "q",
    "line": "q",  # where it starts; 0 where there is none
    "start": "q",  # of its text in the spool
    "length": "i",
    "number": "i",  # of the record in its file, from 1
    "file": "i",
    "source": "i",
    "shape": "i",
    "part": "b",
}  # fmt: skip
RECORD = struct.Struct("=" + "".join(COLUMNS.values()))
RECORD_TYPE = np.dtype(list(COLUMNS.items()))


class RowTable:
    """Grows row by row while files are read, until `rows` is asked for."""

    def __init__(self, seed: int) -> None:
        self.spool = Spool()
        self.files: list[str] = []
        self.shapes: dict[str, int] = {}
        self._seed = f"{seed}:"
        self._records = bytearray()

    def __len__(self) -> int:
        return len(self._records) // RECORD.size

    def add(
        self,
        conversation: Conversation,
        shape: str,
        *,
        position: int,
        number: int = 1,
        line: int | None = None,
        part: int = TRAIN,
        source: int = 0,
    ) -> int:
        """Append a row of the newest file; returns its index. Raises ResourceError if there is no room for its text."""
        data = pack(conversation)
        content = _hash(data)
        alike = all(m.trained and m.role != "system" for m in conversation.messages)
        self._records += RECORD.pack(
            content,
            _hash((self._seed + question_key(conversation)).encode()),
            content if alike else _hash(copy_key(conversation)),
            hash(conversation.answer),
            position,
            line or 0,
            self.spool.put(data),
            len(data),
            number,
            len(self.files) - 1,
            source,
            self.shapes.setdefault(shape, len(self.shapes)),
            part,
        )
        return len(self) - 1

    def rows(self) -> Rows:
        """All rows, as a sequence that does not change: no row can be added afterwards."""
        records = np.frombuffer(self._records, RECORD_TYPE)
        columns: dict[str, npt.NDArray[Any]] = {name: records[name] for name in COLUMNS}
        columns["copy"] = _copies(columns["content"])
        return Rows(self, columns, np.arange(len(self)))


def _hash(data: bytes) -> int:
    return int.from_bytes(hashlib.sha256(data).digest()[:8])


def _copies(content: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """For each row the how-many-eth of its content it is, from 1."""
    order = np.argsort(content, kind="stable")
    ordered = content[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(content) else order
    lengths = np.diff(np.r_[starts, len(content)])
    copies = np.empty(len(content), np.int32)
    copies[order] = np.arange(len(content)) - np.repeat(starts, lengths) + 1
    return copies


class Rows(Sequence[Row]):
    """Some rows of a table, in an order of their own; a row may stand in it more than once.

    `index` (n,) are their numbers in the table; it takes the name of `Sequence.index()`, which is of no use here.
    """

    index: Index  # type: ignore[assignment]

    def __init__(self, table: RowTable, columns: dict[str, npt.NDArray[Any]], index: Index) -> None:
        self._table, self._columns, self.index = table, columns, index

    @classmethod
    def of(cls, conversations: Iterable[Conversation], seed: int = 0) -> Rows:
        """Rows of conversations that come from no file."""
        table = RowTable(seed)
        table.files.append("memory")
        for number, conversation in enumerate(conversations):
            table.add(conversation, "", position=number, number=number + 1, line=number + 1)
        return table.rows()

    def __len__(self) -> int:
        return len(self.index)

    def __iter__(self) -> Iterator[Row]:
        return (self._row(int(i)) for i in self.index)

    @overload
    def __getitem__(self, at: int) -> Row: ...
    @overload
    def __getitem__(self, at: slice) -> Rows: ...
    def __getitem__(self, at: int | slice) -> Row | Rows:
        """A row, or the rows of a slice."""
        return self.take(self.index[at]) if isinstance(at, slice) else self._row(int(self.index[at]))

    def __contains__(self, row: object) -> bool:
        return isinstance(row, Row) and bool(np.any(self.index == row.index)) and self._row(row.index) == row

    def take(self, index: Index) -> Rows:
        """The rows of the same table with these indices."""
        return Rows(self._table, self._columns, np.asarray(index, np.int64))

    def where(self, mask: npt.NDArray[np.bool_]) -> Rows:
        """The rows for which the mask (n,) is true."""
        return self.take(self.index[mask])

    def column(self, name: str) -> npt.NDArray[Any]:
        """One number of each row (n,), see COLUMNS; also `copy`, counted from 1."""
        return self._columns[name][self.index]

    def ids(self) -> list[str]:
        """The ids of the rows."""
        pairs = zip(self.column("content").tolist(), self.column("copy").tolist(), strict=True)
        return [_id(content, copy) for content, copy in pairs]

    def id_of(self, index: int) -> str:
        """The id of the row with this index in the table."""
        return _id(int(self._columns["content"][index]), int(self._columns["copy"][index]))

    def places(self) -> list[str]:
        """`file:line` of the rows."""
        return [self.place(int(i)) for i in self.index]

    def place(self, index: int) -> str:
        """`file:line` of the row with this index in the table, or `file:#row` where there is no line."""
        line = int(self._columns["line"][index])
        return f"{self.file(index)}:{line or '#' + str(self._columns['number'][index])}"

    def conversation(self, index: int) -> Conversation:
        """The conversation of the row with this index in the table."""
        start, length = int(self._columns["start"][index]), int(self._columns["length"][index])
        return unpack(self._table.spool.get(start, length))

    def conversations(self, system: str | None = None) -> OfRows[Conversation]:
        """The conversations alone, read when asked; `system` goes in front of those without a system message."""
        return OfRows(self, lambda index: self.conversation(index).with_system(system))

    def content_key(self) -> bytes:
        """What tells these rows, in this order, from any others: sha256 over their contents' hashes."""
        return hashlib.sha256(np.ascontiguousarray(self.column("content")).tobytes()).digest()

    def file(self, index: int) -> str:
        """The file of the row with this index in the table."""
        return self._table.files[int(self._columns["file"][index])]

    def _row(self, index: int) -> Row:
        columns = self._columns
        shape = list(self._table.shapes)[int(columns["shape"][index])]
        return Row(
            self.id_of(index), self.conversation(index),
            self.file(index), self.place(index), int(columns["position"][index]), shape, index,
        )  # fmt: skip


class OfRows(Sequence[T]):
    """Something of each row, made from its index when asked for."""

    def __init__(self, rows: Rows, make: Callable[[int], T]) -> None:
        self._rows, self._make = rows, make

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, at: int) -> T: ...
    @overload
    def __getitem__(self, at: slice) -> OfRows[T]: ...
    def __getitem__(self, at: int | slice) -> T | OfRows[T]:
        """That of a row, or those of a slice."""
        if isinstance(at, slice):
            return OfRows(self._rows[at], self._make)
        return self._make(int(self._rows.index[at]))


def _id(content: int, copy: int) -> str:
    return f"{content:016x}" if copy == 1 else f"{content:016x}-{copy}"
