"""Text of a table with a header row (CSV, TSV; RFC 4180) in, one record for each row out."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from loralab.data.encodings import BOM, MARKS, Tally, not_decoded
from loralab.data.json_text import LENIENT, NoValue, read_value
from loralab.data.lines import MAX_ROW, lines
from loralab.data.reasons import BadRow
from loralab.data.record import DataFile, Record
from loralab.errors import DataError, Problem
from loralab.words import Words, say

DELIMITERS = {".csv": ",", ".tsv": "\t"}
OTHERS = {",": ",", ";": ";", "\t": "tab"}  # separators, as they are called
# the first line of tables that Excel wrote
SEPARATOR = re.compile(f'{BOM}?"?sep=((?!")[\t -~])"?\\s*', re.IGNORECASE)
TURN_KEYS = frozenset({"role", "from", "human"})  # of which each turn or round has one
TRIED = 200  # lines that tell the encoding of a file whose header does not decode


@dataclass(frozen=True)
class Header:
    """The columns of a table, what separates them, what kind of table it is.

    `num_rows` is 2 where a line `sep=;` stands above the header, else 1.
    """

    names: tuple[str, ...]
    delimiter: str
    kind: str
    num_rows: int = 1


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
    first = _not_blank(text)
    named = SEPARATOR.fullmatch(first)
    if named:
        first = _not_blank(text)
    if not first:
        return None
    if MARKS.search(first):
        for line in (first, *islice(text, TRIED)):
            tally.is_bad(line)
        tally.settle()
        what = say("the header holds bytes of another encoding")
        raise DataError(Problem(what, file.path, next=say("name the encoding of the file in data.encoding")))
    delimiter = named[1] if named else _separator(first, DELIMITERS[suffix])
    row = next(_rows(file, chain([first], text), delimiter))
    if row.fault:
        raise DataError(Problem(row.fault.detail, file.path, next=_mend(row)))
    _check_names(file, row.cells)
    other = f" ({OTHERS.get(delimiter, delimiter)})" if delimiter != DELIMITERS[suffix] else ""
    return Header(tuple(row.cells), delimiter, suffix[1:].upper() + other, 2 if named else 1)


def _not_blank(text: Iterator[str]) -> str:
    """The next line that is not blank; "" if there is none."""
    return next((line for line in text if line.strip(BOM + " \t\r")), "")


def _separator(header: str, usual: str) -> str:
    return usual if usual in header else max(OTHERS, key=lambda d: (header.count(d), d == usual))


def _mend(row: _Row) -> Words:
    if "\r" in row.text.rstrip("\r\n"):
        return say("write the file with LF or CR LF at the end of each line")
    return say("put cells that hold quotes into quotes, with each quote in them doubled")


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
    """A row that is not blank: the line it starts on, its text, its cells, or why it has none.

    `unread` is as in Record.
    """

    line: int
    text: str
    cells: list[str]
    fault: BadRow | None = None
    unread: bool = False


def _rows(file: DataFile, source: Iterator[str], delimiter: str) -> Iterator[_Row]:
    # the limit is one for the whole process; how much of a row is waited for is decided in _feed
    csv.field_size_limit(max(csv.field_size_limit(), 4 * MAX_ROW))
    taken: list[str] = []
    width = 0
    reader = csv.reader(_feed(file, source, taken), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        taken.clear()
        try:
            cells = next(reader, None)
        except csv.Error as error:
            text = "".join(taken)
            yield _faulty(error, line, text, delimiter, width)
            continue
        if cells is None:
            return
        text = "".join(taken)
        if text.endswith("\r\n"):
            file.repaired.add("crlf")
        if len(cells) > 1 or text.strip(" \t\r\n"):
            width = len(cells)
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
            taken.append(line + "\n")
            return
        taken.append(line + "\n")
        yield taken[-1]


def _faulty(error: csv.Error, line: int, text: str, delimiter: str, width: int) -> _Row:
    """The row that is no CSV. A quote that is not closed where it should be takes the rows below into its cell.

    `width` is the number of cells of the row before, 0 for the header.
    """
    last = line + text.rstrip().count("\n")
    if str(error) == "unexpected end of data":
        what, unread = _not_closed(line, text, delimiter, last), last > line
    elif "new-line character" in str(error):
        unread = not width or _num_whole(re.split("\r\n?|\n", text), delimiter, width) > 1
        what = say("line ends are CR alone; convert them") if unread else say("a CR stands outside of quotes")
    elif unread := _num_whole(text.split("\n")[1:], delimiter, width) > 0:
        what = say(
            "is not CSV: {reason}; rows in lines {first} to {last} are lost",
            reason=error,
            first=line,
            last=last,
        )
    else:
        what = say("is not CSV: {reason}", reason=error)
    return _Row(line, text, [], BadRow("wrong_type", what), unread)


def _num_whole(texts: Sequence[str], delimiter: str, width: int) -> int:
    """How many of the lines are rows of `width` cells by themselves."""
    if width < 2:
        return 0
    end = re.escape(delimiter)
    cell = rf'(?:"(?:[^"]++|"")*+"|[^"{end}]*+)'
    row = re.compile(rf"(?:{cell}{end}){{{width - 1}}}{cell}\r?")
    return sum(row.fullmatch(text) is not None for text in texts)


def _not_closed(line: int, text: str, delimiter: str, last: int) -> Words:
    opened = line + text.count("\n", 0, _open_quote(text, delimiter))
    if last == line:
        return say("the quote that opens in line {line} is not closed", line=opened)
    return say(
        "the quote that opens in line {line} is not closed; nothing after it could be read: rows in lines {first} to {last}",
        line=opened,
        first=line,
        last=last,
    )


def _open_quote(text: str, delimiter: str) -> int:
    """Where the cell starts whose quote is not closed."""
    cell = re.compile(rf'(?:"(?:[^"]++|"")*+"|(?!")[^{delimiter}\n]*+)(?:{delimiter}|\r?\n)')
    at = 0
    while found := cell.match(text, at):
        at = found.end()
    return at


# ------------------------------------------------------------------------------------------------- records


def _are_turns(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(turn, dict) and not TURN_KEYS.isdisjoint(turn) for turn in value)
    )


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) or text is None for text in value)


def _is_any(value: Any) -> bool:
    return isinstance(value, (list, dict))


# columns that may hold what no cell can, as JSON text, and what is taken for that: any other text in them is meant as
# it stands, such as an answer that is a JSON list
JSON_COLUMNS: dict[str, Callable[[Any], bool]] = {
    "messages": _is_any, "conversations": _is_any, "conversation": _is_any, "history": _is_any,
    "prompt": _are_turns, "completion": _are_turns, "laws": _are_texts, "reference": _are_texts,
}  # fmt: skip


def table_records(header: Header, file: DataFile, pieces: Iterator[str], tally: Tally) -> Iterator[Record]:
    """A record for each row below the header: an object with the text of each cell, None for an empty one.

    A cell of a column in JSON_COLUMNS that holds such a list or object as JSON is that value.
    """
    nested = [
        (column, JSON_COLUMNS[name]) for column, name in enumerate(header.names) if name in JSON_COLUMNS
    ]
    rows = _rows(file, lines(file, pieces), header.delimiter)
    for _ in range(header.num_rows):
        next(rows, None)
    for number, row in enumerate(rows, 1):
        fault = row.fault or _bad_cells(row, header, tally)
        value: dict[str, Any] = dict(zip(header.names, (cell or None for cell in row.cells), strict=False))
        for column, is_meant in nested if not fault else ():
            value[header.names[column]], fault = _parsed(row.cells[column], is_meant)
            if fault:
                break
        unread = row.unread or (
            fault is not None and fault.reason != "bad_encoding" and _swallows(row, header)
        )
        yield Record(file.path, number, row.line, row.text if fault else value, fault, unread)


def _bad_cells(row: _Row, header: Header, tally: Tally) -> BadRow | None:
    if tally.is_bad(row.text):
        return not_decoded(row.text)
    if "\0" in row.text:
        return BadRow("bad_unicode", say("holds a NUL character"))
    n, expected = len(row.cells), len(header.names)
    if _swallows(row, header):
        what = say(
            "the row in lines {first} to {last} has {n} cells, the header has {expected}; is a quote missing?",
            first=row.line,
            last=row.line + row.text.rstrip().count("\n"),
            n=n,
            expected=expected,
        )
        return BadRow("missing_field" if n < expected else "wrong_type", what)
    if n != expected:
        what = say("the row has {n} cells, the header has {expected}", n=n, expected=expected)
        return BadRow("missing_field" if n < expected else "wrong_type", what)
    if tuple(row.cells) == header.names:
        return BadRow("wrong_type", say("repeats the header; were several files joined?"))
    return None


def _swallows(row: _Row, header: Header) -> bool:
    """Whether a row that has too many cells or too few holds lines that are rows themselves."""
    expected = len(header.names)
    return len(row.cells) != expected and _num_whole(row.text.split("\n")[1:], header.delimiter, expected) > 0


def _parsed(cell: str, is_meant: Callable[[Any], bool]) -> tuple[Any, BadRow | None]:
    """(the list or object that the cell is as JSON, why it cannot be used); the cell itself if none is meant."""
    text = cell.strip()
    if text.startswith(("[", "{")):
        try:
            form, end = LENIENT.raw_decode(text)
        except NoValue:
            return cell, None
        if end == len(text) and is_meant(form):
            value, _, fault = read_value(text)
            return value, fault
    return cell or None, None
