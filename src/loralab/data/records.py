"""A data file in, its records with the physical line of each out; what cannot be read is a record too.

JSON (one array) and JSON lines are told apart by what the file holds, not by its name. Bytes that do not
decode stay in the text, each as one of `MARKS`, so that the row they stand in is named and no other is lost.
"""

from __future__ import annotations

import codecs
import gzip
import json
import math
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from loralab.data.reasons import BadRow
from loralab.errors import DataError, Problem
from loralab.words import say

SPACE = re.compile(r"[ \t\r\n]*")
MARKS = re.compile("[\udc00-\udcff]")  # half surrogate pairs, which no decoder yields
OTHER_SUFFIXES = (".csv", ".tsv", ".parquet")
MAX_DEPTH = 100
MAX_DIGITS = 4300  # of a whole number, as in Python


@dataclass(frozen=True)
class Record:
    """One record: its place (`file:line`), and its value or why there is none."""

    place: str
    value: Any = None
    fault: BadRow | None = None


@dataclass
class FileText:
    """A file's text and what was repaired in it."""

    path: str
    text: str
    repaired: set[str] = field(default_factory=set)


def read_records(path: Path, encoding: str = "utf-8") -> tuple[FileText, Iterator[Record]]:
    """The file's text with its repairs, and its records in order. Raises DataError if the file cannot be read.

    Raises LookupError if `encoding` is no encoding.
    """
    file = _read_text(path, encoding)
    if not file.text.strip():
        raise DataError(Problem(say("is empty"), str(path)))
    return file, _records(file)


def _records(file: FileText) -> Iterator[Record]:
    if file.text.lstrip().startswith("[") and not _is_lines(file.text):
        return _array(file)
    return _lines(file)


# ------------------------------------------------------------------------------------------ bytes to text


def _read_text(path: Path, encoding: str) -> FileText:
    data = _read_bytes(path)
    file = FileText(str(path), "")
    if data.startswith(b"\xef\xbb\xbf"):
        data = data[3:]
        file.repaired.add("bom")
    file.text = _decode_text(data, encoding)
    likely = _guess_encoding(data, file.text)
    if likely and codecs.lookup(likely) != codecs.lookup(encoding):
        raise DataError(
            Problem(
                say("is not {encoding}; it looks like {likely}", encoding=encoding.upper(), likely=likely),
                file.path,
                next=say(
                    "set data.encoding: {likely}, or convert it: iconv -f {likely} -t utf-8 FILE",
                    likely=likely,
                ),
            )
        )
    if "\r\n" in file.text:
        file.repaired.add("crlf")
    return file


def _read_bytes(path: Path) -> bytes:
    try:
        data = path.read_bytes()
        if path.suffix.lower() == ".gz":
            data = gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(Problem(say("cannot be read: {reason}", reason=error), str(path))) from None
    suffix = next((s for s in path.suffixes[-2:] if s.lower() in OTHER_SUFFIXES), "")
    if suffix or data.startswith(b"PAR1"):
        raise DataError(
            Problem(
                say("{suffix} files are not read by this version", suffix=suffix or ".parquet"),
                str(path),
                next=say("convert the file to JSON lines: one object a line, in UTF-8"),
            )
        )
    return data


def _decode_text(data: bytes, encoding: str) -> str:
    """The text, with one of MARKS for each byte that does not decode. Raises LookupError."""
    try:
        return "".join(_decoded_parts(memoryview(data), encoding))
    except ValueError:  # the codec is made for something else than text files
        raise LookupError(encoding) from None


def _decoded_parts(data: memoryview, encoding: str) -> Iterator[str]:
    while data:
        try:
            yield str(data, encoding)
            return
        except UnicodeDecodeError as error:
            stop = max(error.end, error.start + 1)
            yield str(data[: error.start], encoding)
            yield from (chr(0xDC00 + byte) for byte in data[error.start : stop])
            data = data[stop:]


def _guess_encoding(data: bytes, text: str) -> str | None:
    """The encoding of a file of which most lines do not decode; None if the lines are to be taken as they are."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16" if MARKS.search(text) else None
    if 4 * text.count("\0") > len(text):
        return "utf-16-be" if data[:1] == b"\0" else "utf-16-le"
    lines = text.split("\n")
    bad = sum(1 for line in lines if MARKS.search(line))
    if 2 * bad <= sum(1 for line in lines if not line.isascii()):
        return None
    return next((name for name in ("utf-8", "gb18030") if _decodes(data, name)), None)


def _decodes(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


# -------------------------------------------------------------------------------------------- text to JSON


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise BadRow("duplicate_key", say("the key {key!r} stands twice in the row", key=twice))
    return result


def _whole_number(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise BadRow("bad_json", say("holds a number of {n} digits", n=len(digits)))
    return int(digits)


def _fraction(digits: str) -> float:
    if not math.isfinite(float(digits)):
        _no_constant(digits)
    return float(digits)


def _no_constant(name: str) -> NoReturn:
    raise BadRow("bad_json", say("{name} is not a JSON number", name=name))


DECODER = json.JSONDecoder(
    object_pairs_hook=_no_duplicates,
    parse_int=_whole_number,
    parse_float=_fraction,
    parse_constant=_no_constant,
)
LENIENT = json.JSONDecoder(parse_int=str, parse_float=str)  # where a value ends, whatever is in it


def _decode(text: str, start: int) -> tuple[Any, int]:
    """The value at `start` and where it ends.

    Raises BadRow for a value that is whole but cannot be used, JSONDecodeError or RecursionError for what is
    no value.
    """
    value, end = DECODER.raw_decode(text, start)
    if MARKS.search(text, start, end):
        raise BadRow("bad_encoding", say("holds bytes of another encoding"))
    if text.count("[", start, end) + text.count("{", start, end) > MAX_DEPTH and _depth(value) > MAX_DEPTH:
        raise BadRow("bad_json", say("lists and objects stand more than {n} deep in each other", n=MAX_DEPTH))
    return value, end


def _depth(value: Any) -> int:
    """How deep lists and objects stand in each other."""
    depth, level = 0, [value]
    while level := [v for v in level if isinstance(v, (dict, list))]:
        depth += 1
        level = [c for v in level for c in (v.values() if isinstance(v, dict) else v)]
    return depth


def _is_lines(text: str) -> bool:
    """Whether a text that starts with `[` is JSON lines of lists: its first line is whole and more follows."""
    first, _, rest = text.lstrip().partition("\n")
    try:
        LENIENT.decode(first.strip())
    except (ValueError, RecursionError):
        return False
    return bool(rest.strip())


def _lines(file: FileText) -> Iterator[Record]:
    # split on \n only: U+2028 and the like may stand inside a string
    for number, line in enumerate(file.text.split("\n"), 1):
        start = SPACE.match(line).end()  # type: ignore[union-attr]  # the pattern matches any string
        if start == len(line):
            continue
        place = f"{file.path}:{number}"
        try:
            yield Record(place, _line(line, start))
        except BadRow as fault:
            yield Record(place, line, fault)


def _line(line: str, start: int) -> Any:
    """The one value of a line; raises BadRow."""
    if MARKS.search(line):
        raise BadRow("bad_encoding", say("holds bytes of another encoding"))
    try:
        value, end = _decode(line, start)
    except (json.JSONDecodeError, RecursionError) as error:
        raise BadRow("bad_json", say("is not JSON: {reason}", reason=_reason(error))) from None
    if line[end:].strip():
        raise BadRow("bad_json", say("is not JSON: {reason}", reason="more text after the row"))
    return value


def _array(file: FileText) -> Iterator[Record]:
    """The elements of one JSON array. A syntax error ends the file: what follows it cannot be told apart."""
    text = file.text
    at = text.index("[") + 1
    line, counted, number = 1, 0, 0
    one_line = "\n" not in text.strip()
    while True:
        at = SPACE.match(text, at).end()  # type: ignore[union-attr]
        if text.startswith("]", at) and number == 0:
            break
        line, counted, number = line + text.count("\n", counted, at), at, number + 1
        place = f"{file.path}:#{number}" if one_line else f"{file.path}:{line}"
        try:
            record, at = _element(text, at, place)
        except (json.JSONDecodeError, RecursionError) as error:
            yield Record(place, fault=_broken(text, at, error))
            return
        yield record
        at = SPACE.match(text, at).end()  # type: ignore[union-attr]
        if not text.startswith(",", at):
            break
        at += 1
    if not text.startswith("]", at):
        line += text.count("\n", counted, at)
        yield Record(f"{file.path}:{line}", fault=BadRow("bad_json", say("the array does not end with ]")))
    elif text[at + 1 :].strip():
        line += text.count("\n", counted, SPACE.match(text, at + 1).end())  # type: ignore[union-attr]
        extra = BadRow("bad_json", say("is not JSON: {reason}", reason="more text after the array"))
        yield Record(f"{file.path}:{line}", fault=extra)


def _element(text: str, at: int, place: str) -> tuple[Record, int]:
    """The record at `at` and where it ends; raises JSONDecodeError or RecursionError."""
    try:
        value, end = _decode(text, at)
        return Record(place, value), end
    except BadRow as fault:
        end = LENIENT.raw_decode(text, at)[1]
        return Record(place, text[at:end], fault), end


def _broken(text: str, at: int, error: Exception) -> BadRow:
    position = error.pos if isinstance(error, json.JSONDecodeError) else at
    line = 1 + text.count("\n", 0, position)
    return BadRow(
        "bad_json",
        say(
            "is not JSON: {reason} (line {line}); nothing after it could be read",
            reason=_reason(error),
            line=line,
        ),
    )


def _reason(error: Exception) -> str:
    return error.msg if isinstance(error, json.JSONDecodeError) else "nested too deeply"
