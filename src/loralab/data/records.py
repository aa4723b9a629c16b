"""A data file in, its records out one by one, however large it is; what cannot be read is a record too.

JSON lines, one JSON array, objects over several lines, Parquet: told apart by what the file holds, not by its
name. Tables (CSV, TSV) are known by their name, as any text may be one. All may be packed with gzip. Bytes
that do not decode stay in the text, so that the row they stand in is named, with no other row lost.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from loralab.data.arrow_records import arrow_records
from loralab.data.containers import PARQUET, is_columnar, refuse_containers
from loralab.data.encodings import Tally, decoded, encoding_name, refuse_other_encoding, with_byte_order
from loralab.data.files import data_blocks, plain_file, read_head
from loralab.data.json_records import ARRAY, LINES, json_array, json_kind, json_lines, json_objects
from loralab.data.lines import Window
from loralab.data.record import DataFile, Record
from loralab.data.table_records import read_header, table_records, table_suffix
from loralab.errors import DataError, Problem
from loralab.words import say

__all__ = ["DataFile", "Record", "open_records"]

JSON_START = re.compile(rb'(\xef\xbb\xbf)?\s*(\{\s*["}]|\[\s*[\[{\]])')  # that of no table's header

Reader = Callable[[DataFile, Iterator[str], Tally], Iterator[Record]]


def open_records(path: Path, encoding: str = "utf-8") -> tuple[DataFile, Iterator[Record]]:
    """What the file is, and its records in order.

    Raises DataError for a file that cannot be read at all, as does the iterator, also midway: for a damaged
    file, and for one that turns out to be in another encoding. Raises LookupError if `encoding` is none of text
    files. Nothing is kept in memory but the row being read.
    """
    encoding = encoding_name(encoding)
    head = read_head(path)
    if not head:
        raise _empty(path)
    refuse_containers(path, head)
    if is_columnar(head):
        file = DataFile(str(path), "", "Parquet" if head.startswith(PARQUET) else "Arrow")
        return file, _columnar_records(path, file)
    if ".parquet" in (suffix.lower() for suffix in path.suffixes[-2:]):
        raise DataError(Problem(say("is called Parquet, but holds something else"), str(path)))
    encoding = with_byte_order(encoding, head)
    refuse_other_encoding(path, head, encoding)
    suffix = None if JSON_START.match(head) else table_suffix(path)
    kind, reader = _table(path, encoding, suffix) if suffix else _json(path, encoding)
    file = DataFile(str(path), "", kind)
    return file, _text_records(path, file, encoding, reader)


def _json(path: Path, encoding: str) -> tuple[str, Reader]:
    """(what kind of JSON the file holds, what reads it)."""
    window = Window(DataFile(str(path), "", ""), decoded(data_blocks(path, len), encoding))
    if not window.skip():
        raise _empty(path)
    kind, one_line = json_kind(window)
    if kind == ARRAY:
        return kind, partial(json_array, one_line=one_line)
    return kind, json_lines if kind == LINES else json_objects


def _table(path: Path, encoding: str, suffix: str) -> tuple[str, Reader]:
    """(what kind of table the file holds, what reads it)."""
    pieces = decoded(data_blocks(path, len), encoding)
    header = read_header(DataFile(str(path), "", ""), suffix, pieces, Tally(path, encoding))
    if header is None:
        raise _empty(path)
    return header.kind, partial(table_records, header)


def _text_records(path: Path, file: DataFile, encoding: str, reader: Reader) -> Iterator[Record]:
    digest = hashlib.sha256()
    blocks = data_blocks(path, digest.update)
    tally = Tally(path, encoding)
    yield from reader(file, decoded(blocks, encoding), tally)
    for _ in blocks:  # what stands behind a syntax error is hashed too
        pass
    tally.settle()
    file.sha256 = digest.hexdigest()


def _columnar_records(path: Path, file: DataFile) -> Iterator[Record]:
    digest = hashlib.sha256()
    with plain_file(path, digest.update) as source:
        yield from arrow_records(file, source)
    file.sha256 = digest.hexdigest()


def _empty(path: Path) -> DataError:
    return DataError(Problem(say("is empty"), str(path)))
