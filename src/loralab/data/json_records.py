"""JSON text in, its records out: a row on each line, the elements of one array, or objects over several lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from loralab.data.encodings import BOM, Tally, not_decoded
from loralab.data.json_text import LENIENT, NoValue, read_value, reason
from loralab.data.lines import MAX_ROW, Window, lines
from loralab.data.reasons import BadRow
from loralab.data.record import DataFile, Record
from loralab.words import say

LINES, ARRAY, OBJECTS = "JSON lines", "JSON array", "JSON object"
LOOK_AHEAD = 16  # characters: a number, a literal or an escape is no longer where its end decides about it
FIRST_LINE = 1 << 20  # characters: an array on one line, if it is longer than this
SHOWN = 1000  # characters of text of which the end is unknown


def json_kind(window: Window) -> tuple[str, bool]:
    """(what kind of JSON a text is, whether it is an array on one line). The window stands at no space.

    A text that starts with `[` is JSON lines of lists if its first line is whole and more follows. One that
    starts with `{` is JSON lines unless its first value goes on over the end of the first line.
    """
    match window.skip():
        case "[":
            end = window.line_end(FIRST_LINE)
            first = window.text[window.at : end]
            window.at = len(window.text) if end is None else end
            if end is None or not window.skip():
                return ARRAY, True
            return (LINES if _is_value(first) else ARRAY), False
        case "{":
            end = window.line_end(MAX_ROW)
            lines_start = end is None or _is_value(window.text[window.at : end])
            return (LINES if lines_start or not _goes_over_lines(window) else OBJECTS), False
        case _:
            return LINES, False


def _is_value(text: str) -> bool:
    try:
        LENIENT.decode(text.strip())
    except NoValue:
        return False
    return True


def _goes_over_lines(window: Window) -> bool:
    try:
        return "\n" in _take(window)[2]
    except NoValue:
        return False


# ------------------------------------------------------------------------------------------ a row on each line


def json_lines(file: DataFile, pieces: Iterator[str], tally: Tally) -> Iterator[Record]:
    """A record for each line that is not blank; each is whole or faulty by itself."""
    number = 0
    for line, written in enumerate(lines(file, pieces), 1):
        if written.endswith("\r"):
            file.repaired.add("crlf")
        row = written.strip(" \t\r")
        if row.startswith(BOM):  # of the file, or of one that was joined to it
            file.repaired.add("bom")
            row = row.lstrip(BOM + " \t\r")
        if not row:
            continue
        number += 1
        value, fault = _row(row, tally)
        yield Record(file.path, number, line, row if fault else value, fault)


def _row(row: str, tally: Tally) -> tuple[Any, BadRow | None]:
    if tally.is_bad(row):
        return None, not_decoded(row)
    try:
        value, end, fault = read_value(row)
    except json.JSONDecodeError as error:
        what = say("is not JSON: {reason} (character {n})", reason=reason(error), n=error.pos + 1)
        return None, BadRow("bad_json", what)
    except RecursionError as error:
        return None, BadRow("bad_json", say("is not JSON: {reason}", reason=reason(error)))
    if end < len(row) and row[end:].strip():
        fault = BadRow("bad_json", say("is not JSON: {reason}", reason=say("more text after the row")))
    return value, fault


# ------------------------------------------------------------------------------------------ values in a text


def json_array(file: DataFile, pieces: Iterator[str], tally: Tally, one_line: bool) -> Iterator[Record]:
    """The elements of one array. A syntax error ends the file: what follows it cannot be told apart."""
    window = Window(file, pieces)
    window.skip()
    window.at += 1
    number = 0
    follows = window.skip() != "]"
    while follows:
        number += 1
        line = _line(window, one_line)
        if number > 1 and window.skip() == "]":
            comma = BadRow(
                "bad_json", say("is not JSON: {reason}", reason=say("a comma before the end of the array"))
            )
            yield Record(file.path, number, line, fault=comma)
            break
        record, whole = _element(file, window, tally, number, line)
        yield record
        if not whole:
            return
        follows = window.skip() == ","
        window.at += follows
        window.skip()
    yield from _after_array(file, window, number + 1, one_line)


def _line(window: Window, one_line: bool) -> int | None:
    line = window.line()  # notes line ends as well
    return None if one_line else line


def _after_array(file: DataFile, window: Window, number: int, one_line: bool) -> Iterator[Record]:
    """A faulty record if the array does not end, or if it is not the end of the text."""
    found = window.skip()
    if found == "]":
        window.at += 1
        if not window.skip():
            return
        what = say("more text stands after the end of the array; it was not read")
    elif found:
        what = say("a comma is missing after the row before; nothing after it could be read")
    else:
        what = say("the array does not end with ]")
    line = _line(window, one_line)
    yield Record(file.path, number, line, window.ahead(SHOWN), BadRow("bad_json", what))


def json_objects(file: DataFile, pieces: Iterator[str], tally: Tally) -> Iterator[Record]:
    """The values that stand one after the other in a text, over as many lines as they like."""
    window = Window(file, pieces)
    number, whole = 0, True
    while whole and window.skip():
        number += 1
        record, whole = _element(file, window, tally, number, window.line())
        yield record


def _element(
    file: DataFile, window: Window, tally: Tally, number: int, line: int | None
) -> tuple[Record, bool]:
    """(the record at the window, whether its end is known)."""
    try:
        value, fault, raw = _take(window)
    except NoValue as error:
        fault = _broken(window, error)
        raw = window.ahead(SHOWN)
        tally.is_bad(raw)
        return Record(file.path, number, line, raw, fault), False
    if tally.is_bad(raw):
        fault = not_decoded(raw)
    return Record(file.path, number, line, raw if fault else value, fault), True


def _take(window: Window) -> tuple[Any, BadRow | None, str]:
    """(value, why it cannot be used, its text) at the window, which moves past it.

    Raises JSONDecodeError or RecursionError for what is no value.
    """
    while True:
        try:
            value, end, fault = read_value(window.text, window.at)
        except json.JSONDecodeError as error:
            if window.ended or not _ran_out(error):
                raise
        else:
            if window.ended or end + LOOK_AHEAD <= len(window.text):
                raw = window.text[window.at : end]
                window.at = end
                return value, fault, raw
        window.more()


def _ran_out(error: json.JSONDecodeError) -> bool:
    """Whether the text may be a value if it goes on."""
    return error.msg.startswith("Unterminated string") or error.pos + LOOK_AHEAD > len(error.doc)


def _broken(window: Window, error: json.JSONDecodeError | RecursionError) -> BadRow:
    line = window.line(error.pos if isinstance(error, json.JSONDecodeError) else None)
    return BadRow(
        "bad_json",
        say(
            "is not JSON: {reason} (line {line}); nothing after it could be read",
            reason=reason(error),
            line=line,
        ),
    )
