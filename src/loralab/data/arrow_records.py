"""A Parquet or Arrow file in, one record for each row out, a batch of rows in memory at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

from loralab.data.containers import ARROW_FILE, PARQUET
from loralab.data.reasons import BadRow
from loralab.data.record import DataFile, Record
from loralab.errors import DataError, Problem
from loralab.safe_text import first_line
from loralab.words import say

if TYPE_CHECKING:
    import pyarrow as pa

BATCH = 1024  # rows
# what pyarrow raises for values that Python cannot hold: text that is not UTF-8 (ValueError), years beyond 9999
# (OverflowError, ValueError), and types that it has no Python value for (its own word: NotImplementedError)
UNUSABLE = (ValueError, OverflowError, NotImplementedError)  # the last is pyarrow's own, no stub of ours
PAGE = 1 << 20  # bytes read at once from a column of a row group


def arrow_records(file: DataFile, source: IO[bytes]) -> Iterator[Record]:
    """The rows as objects, null and NaN as None; infinities, times, decimals and bytes stay what they are.

    The shape that uses such a value refuses it; in a column that no shape uses it does no harm.
    Raises DataError for a file that is damaged or encrypted, also midway.
    """
    import pyarrow as pa

    number = 0
    try:
        for batch in _batches(file, source):
            for value, fault in _values(batch):
                number += 1
                yield Record(file.path, number, None, value, fault)
    except (
        pa.ArrowException,
        OSError,
        UnicodeDecodeError,
        MemoryError,
    ) as error:  # names, sizes that are none
        raise _damaged(file, error) from None


def _batches(file: DataFile, source: IO[bytes]) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    magic = source.read(len(ARROW_FILE))
    source.seek(0)
    if magic.startswith(PARQUET):
        table = pq.ParquetFile(source, buffer_size=PAGE, pre_buffer=False)
        _check_names(file, table.schema_arrow.names)
        yield from table.iter_batches(BATCH)
    elif magic == ARROW_FILE:
        reader = pa.ipc.open_file(source)
        _check_names(file, reader.schema.names)
        for index in range(reader.num_record_batches):
            yield from _slices(reader.get_batch(index))
    else:
        stream = pa.ipc.open_stream(source)
        _check_names(file, stream.schema.names)
        for batch in stream:
            yield from _slices(batch)


def _slices(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    for start in range(0, batch.num_rows, BATCH):
        part = batch.slice(start, BATCH)
        part.validate(
            full=True
        )  # Arrow is used as it is stored: damaged lengths would reach into other memory
        yield part


def _check_names(file: DataFile, names: list[str]) -> None:
    twice = [name for place, name in enumerate(names) if name in names[:place]]
    if twice:
        raise DataError(Problem(say("two columns are called {name!r}", name=twice[0]), file.path))


def _values(batch: pa.RecordBatch) -> Iterator[tuple[Any, BadRow | None]]:
    """(value, why it cannot be used) of each row."""
    try:
        values = batch.to_pylist()
    except UNUSABLE:
        for row in range(batch.num_rows):
            yield _value(batch.slice(row, 1))
        return
    has_fractions = any(kind in str(batch.schema.types) for kind in ("float", "double"))
    for value in values:
        yield (_without_nan(value) if has_fractions else value), None


def _value(row: pa.RecordBatch) -> tuple[Any, BadRow | None]:
    """A row of which a value may be one that Python cannot hold: None stands in its place, and the fault names it."""
    value: dict[str, Any] = {}
    fault = None
    for name, column in zip(row.schema.names, row.columns, strict=True):
        try:
            value[name] = _without_nan(column.to_pylist()[0])
        except UNUSABLE as error:
            value[name] = None
            fault = fault or _unusable(name, error)
    return value, fault


def _unusable(name: str, error: Exception) -> BadRow:
    if isinstance(error, UnicodeDecodeError):
        return BadRow("bad_encoding", say("{name} holds bytes of another encoding", name=name))
    return BadRow(
        "wrong_type", say("{name} holds a value that cannot be read: {reason}", name=name, reason=error)
    )


def _without_nan(value: Any) -> Any:
    """The value with None for NaN, by which tables say that a number is missing."""
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _damaged(file: DataFile, error: Exception) -> DataError:
    reason = first_line(error)[:200]
    next_step = say("the file is damaged or incomplete: download or write it again")
    return DataError(Problem(say("cannot be read: {reason}", reason=reason), file.path, next=next_step))
