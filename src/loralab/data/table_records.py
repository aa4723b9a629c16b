"""Text of a table with a header row (CSV, TSV; RFC 4180) in, one record for each row out."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from loralab.data.encodings import BOM, MARKS, Tally, not_decoded
from loralab.data.json_text import NoValue, read_value
from loralab.data.lines import MAX_ROW, lines
from loralab.data.reasons import BadRow
from loralab.data.record import DataFile, Record
from loralab.errors import DataError, Problem
from loralab.words import Words, say

DELIMITERS = {".csv": ",", ".tsv": "\t"}
OTHERS = {",": ",", ";": ";", "\t": "tab"}  # separators, as they are called
JSON_COLUMNS = ("messages", "conversations", "history")  # lists, which tables hold as JSON text
TRIED = 200  # lines that tell the encoding of a file whose header does not decode


@dataclass(frozen=True)
class Header:
    """The columns of a table, what separates them, what kind of table it is."""

    names: tuple[str, ...]
    delimiter: str
    kind: str


def table_suffix(path: Path) -> str | None:
    """`.csv` or `.tsv` if the file is called so, with `.gz` after it or not."""
    names = [suffix.lower() for suffix in path.suffixes]
    last = names[-2:-1] if names[-1:] == [".gz"] else names[-1:]
    return last[0] if last and last[0] in DELIMITERS else None


def read_header(file: DataFile, suffix: str, pieces: Iterator[str], tally: Tally) -> Header | None:
    """The header row of the table; None if there is no row at all.

    Raises DataError for a header that cannot name columns.
    """
    text = lines(file, pieces)
    first = next((line for line in text if line.strip(BOM + " \t\r")), None)
    if first is None:
        return None
    if MARKS.search(first):
        for line in (first, *islice(text, TRIED)):
            tally.is_bad(line)
        tally.settle()
        raise _no_header(file, say("the header holds bytes of another encoding"))
    delimiter = DELIMITERS[suffix]
    if delimiter not in first:
        delimiter = max(OTHERS, key=lambda d: (first.count(d), d == delimiter))
    kind = suffix[1:].upper() + (f" ({OTHERS[delimiter]})" if delimiter != DELIMITERS[suffix] else "")
    row = next(_rows(file, chain([first], text), delimiter))
    if row.fault:
        raise _no_header(file, row.fault.detail)
    _check_names(file, row.cells)
    return Header(tuple(row.cells), delimiter, kind)


def _check_names(file: DataFile, names: Sequence[str]) -> None:
    before: set[str] = set()
    for number, name in enumerate(names, 1):
        if not name.strip():
            raise _no_header(file, say("column {number} of the header has no name", number=number))
        if name in before:
            raise _no_header(file, say("two columns are called {name!r}", name=name))
        before.add(name)


def _no_header(file: DataFile, what: Words) -> DataError:
    return DataError(
        Problem(what, file.path, next=say("give every column a name of its own in the first row"))
    )


# ------------------------------------------------------------------------------------------- rows of cells


@dataclass(frozen=True, slots=True)
class _Row:
    """A row that is not blank: the line it starts on, its text, its cells, or why it has none."""

    line: int
    text: str
    cells: list[str]
    fault: BadRow | None = None


def _rows(file: DataFile, source: Iterator[str], delimiter: str) -> Iterator[_Row]:
    # the limit is one for the whole process; how much of a row is waited for is decided in _feed
    csv.field_size_limit(max(csv.field_size_limit(), 4 * MAX_ROW))
    taken: list[str] = []
    reader = csv.reader(_feed(file, source, taken), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        taken.clear()
        try:
            cells = next(reader, None)
        except csv.Error as error:
            text = "".join(taken)
            yield _Row(line, text, [], _fault(error, line, text, delimiter))
            continue
        if cells is None:
            return
        text = "".join(taken)
        if text.endswith("\r\n"):
            file.repaired.add("crlf")
        if len(cells) > 1 or text.strip(" \t\r\n"):
            yield _Row(line, text, cells)


def _feed(file: DataFile, source: Iterator[str], taken: list[str]) -> Iterator[str]:
    """The lines of the source, which are put into `taken` as well; it is emptied when a row begins."""
    size = 0
    for line in source:
        start = not taken
        if start and line.startswith(BOM):  # of the file, or of one that was joined to it
            file.repaired.add("bom")
            line = line.lstrip(BOM)  # noqa: PLW2901
        size = len(line) + (0 if start else size)
        if size > MAX_ROW and not start:  # a quote that is not closed; the end of it is not waited for
            return
        taken.append(line + "\n")
        yield taken[-1]


def _fault(error: csv.Error, line: int, text: str, delimiter: str) -> BadRow:
    if str(error) != "unexpected end of data":
        return BadRow("wrong_type", say("is not CSV: {reason}", reason=error))
    opened = line + text.count("\n", 0, _open_quote(text, delimiter))
    return BadRow(
        "wrong_type",
        say("the quote that opens in line {line} is not closed; nothing after it could be read", line=opened),
    )


def _open_quote(text: str, delimiter: str) -> int:
    """Where the cell starts whose quote is not closed."""
    cell = re.compile(rf'(?:"(?:[^"]++|"")*+"|(?!")[^{delimiter}\n]*+)(?:{delimiter}|\r?\n)')
    at = 0
    while found := cell.match(text, at):
        at = found.end()
    return at


# ------------------------------------------------------------------------------------------------- records


def table_records(header: Header, file: DataFile, pieces: Iterator[str], tally: Tally) -> Iterator[Record]:
    """A record for each row below the header: an object with the text of each cell, None for an empty one.

    A cell of JSON_COLUMNS that holds a JSON list or object is that value, as tables cannot hold lists.
    """
    nested = [column for column, name in enumerate(header.names) if name in JSON_COLUMNS]
    rows = _rows(file, lines(file, pieces), header.delimiter)
    next(rows, None)  # the header
    for number, row in enumerate(rows, 1):
        fault = row.fault or _bad_cells(row, header, tally)
        value: dict[str, Any] = dict(zip(header.names, (cell or None for cell in row.cells), strict=False))
        for column in nested if not fault else ():
            value[header.names[column]], fault = _parsed(row.cells[column])
            if fault:
                break
        yield Record(file.path, number, row.line, row.text if fault else value, fault)


def _bad_cells(row: _Row, header: Header, tally: Tally) -> BadRow | None:
    if tally.is_bad(row.text):
        return not_decoded(row.text)
    if "\0" in row.text:
        return BadRow("bad_unicode", say("holds a NUL character"))
    n, expected = len(row.cells), len(header.names)
    if n != expected:
        what = say("the row has {n} cells, the header has {expected}", n=n, expected=expected)
        return BadRow("missing_field" if n < expected else "wrong_type", what)
    if tuple(row.cells) == header.names:
        return BadRow("wrong_type", say("repeats the header; were several files joined?"))
    return None


def _parsed(cell: str) -> tuple[Any, BadRow | None]:
    """(the list or object that the cell is as JSON, why it cannot be used); the cell itself if it is none."""
    text = cell.strip()
    if text.startswith(("[", "{")):
        try:
            value, end, fault = read_value(text)
        except NoValue:
            return cell, None
        if end == len(text):
            return value, fault
    return cell or None, None
