"""A data file in, its records with the physical line of each out; what cannot be read is a record too.

JSON (one array) and JSON lines are told apart by what the file holds, not by its name.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loralab.data.reasons import BadRow
from loralab.errors import DataError, Problem
from loralab.words import say

SPACE = re.compile(r"[ \t\r\n]*")


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
    bad_lines: dict[int, str] = field(default_factory=dict)
    repaired: set[str] = field(default_factory=set)


def read_records(path: Path, encoding: str = "utf-8") -> tuple[FileText, Iterator[Record]]:
    """The file's text with its repairs, and its records in order. Raises DataError if the file cannot be read."""
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
    try:
        data = path.read_bytes()
        if path.suffix == ".gz":
            data = gzip.decompress(data)
    except (OSError, EOFError) as error:
        raise DataError(Problem(say("cannot be read: {reason}", reason=error), str(path))) from None
    file = FileText(str(path), "")
    if data.startswith(b"\xef\xbb\xbf"):
        data = data[3:]
        file.repaired.add("bom")
    try:
        file.text = data.decode(encoding)
    except UnicodeDecodeError:
        _decode_by_line(file, data, encoding)
    if "\r\n" in file.text:
        file.repaired.add("crlf")
    return file


def _decode_by_line(file: FileText, data: bytes, encoding: str) -> None:
    """Keep the lines that decode; raise DataError, with the encoding it looks like, if the file as a whole does not."""
    likely = _guess_encoding(data)
    lines = data.split(b"\n")
    bad = {}
    for number, line in enumerate(lines, 1):
        try:
            line.decode(encoding)
        except UnicodeDecodeError as error:
            bad[number] = str(error.reason)
    foreign = sum(1 for line in lines if any(byte > 127 for byte in line))
    if (likely and 2 * len(bad) > foreign) or likely == "utf-16":
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
    file.bad_lines = bad
    file.text = b"\n".join(b"" if n in bad else line for n, line in enumerate(lines, 1)).decode(encoding)


def _guess_encoding(data: bytes) -> str | None:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    try:
        data.decode("gb18030")
    except UnicodeDecodeError:
        return None
    return "gb18030"


# -------------------------------------------------------------------------------------------- text to JSON


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise BadRow("duplicate_key", say("the key {key!r} stands twice in the row", key=twice))
    return result


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


DECODER = json.JSONDecoder(object_pairs_hook=_no_duplicates, parse_constant=_no_constant)


def _decode(text: str, start: int) -> tuple[Any, int]:
    """The value at `start` and where it ends; raises BadRow."""
    try:
        return DECODER.raw_decode(text, start)
    except json.JSONDecodeError as error:
        raise BadRow("bad_json", say("is not JSON: {reason}", reason=error.msg)) from None
    except (ValueError, RecursionError) as error:
        raise BadRow("bad_json", say("is not JSON: {reason}", reason=error)) from None


def _is_lines(text: str) -> bool:
    """Whether a text that starts with `[` is JSON lines of lists: its first line is whole and more follows."""
    first, _, rest = text.lstrip().partition("\n")
    try:
        DECODER.decode(first.strip())
    except (ValueError, BadRow, RecursionError):
        return False
    return bool(rest.strip())


def _lines(file: FileText) -> Iterator[Record]:
    # split on \n only: U+2028 and the like may stand inside a string
    for number, line in enumerate(file.text.split("\n"), 1):
        place = f"{file.path}:{number}"
        if number in file.bad_lines:
            yield Record(place, fault=BadRow("bad_encoding", say("holds bytes of another encoding")))
            continue
        start = SPACE.match(line).end()  # type: ignore[union-attr]  # the pattern matches any string
        if start == len(line):
            continue
        try:
            value, end = _decode(line, start)
            if line[end:].strip():
                raise BadRow("bad_json", say("is not JSON: {reason}", reason="more text after the row"))
            yield Record(place, value)
        except BadRow as fault:
            yield Record(place, line, fault)


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
        if line in file.bad_lines:
            yield Record(place, fault=BadRow("bad_encoding", say("holds bytes of another encoding")))
            return
        try:
            value, at = DECODER.raw_decode(text, at)
            yield Record(place, value)
        except BadRow as fault:
            yield Record(place, fault=fault)
            at = _skip(text, at)
        except (ValueError, RecursionError) as error:
            yield Record(place, fault=_broken(file.path, text, at, error))
            return
        at = SPACE.match(text, at).end()  # type: ignore[union-attr]
        if not text.startswith(",", at):
            break
        at += 1
    if not text.startswith("]", at):
        line += text.count("\n", counted, at)
        yield Record(f"{file.path}:{line}", fault=BadRow("bad_json", say("the array does not end with ]")))
    elif text[at + 1 :].strip():
        line += text.count("\n", counted, at)
        extra = BadRow("bad_json", say("is not JSON: {reason}", reason="more text after the array"))
        yield Record(f"{file.path}:{line}", fault=extra)


def _skip(text: str, at: int) -> int:
    """The end of a value that is well formed but for repeated keys."""
    return json.JSONDecoder().raw_decode(text, at)[1]


def _broken(path: str, text: str, at: int, error: Exception) -> BadRow:
    position = error.pos if isinstance(error, json.JSONDecodeError) else at
    line = 1 + text.count("\n", 0, position)
    reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
    return BadRow(
        "bad_json",
        say("is not JSON: {reason} (line {line}); nothing after it could be read", reason=reason, line=line),
    )
