"""JSON text in, its records out: a row on each line, the elements of one array, or objects over several lines."""

from __future__ import annotations

import json
import re
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
OBJECT = re.compile(r'\{\s*["}]')
TWO_ROWS = re.compile(r'\}\s*\{\s*["}]')  # no JSON value holds this: objects in it have commas between them
CR_BETWEEN = re.compile(r"[}\]][ \t]*,?[ \t]*\r\s*[{\[]")
GAP = re.compile(f"[ \t{BOM}]*")
# what is left of a text that is cut off within a value, from the place on where the decoder stops
CUT = re.compile(r"(?:t|tr|tru|f|fa|fal|fals|n|nu|nul|[-.]|[eE][-+]?|\\|\\?u[0-9a-fA-F]{0,3})?(?=\s*\Z)")


def json_kind(window: Window) -> tuple[str, bool]:
    """(what kind of JSON a text is, whether it is an array on one line). The window stands at no space.

    A text that starts with `[` is JSON lines of lists if its first line is whole, and so is a row, and more lists
    or rows follow. One that starts with `{` is JSON lines unless its first value goes on over the first line's end.
    """
    match window.skip():
        case "[":
            end = window.line_end(FIRST_LINE)
            first = window.text[window.at : end]
            window.at = len(window.text) if end is None else end
            found = "" if end is None else window.skip()
            if not found:
                return ARRAY, True
            if not _is_value(first):
                return ARRAY, False
            lists = found == "[" or (found == "{" and len(LENIENT.decode(first.strip())) == 1)
            return (LINES, False) if lists else (ARRAY, True)
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
    """The records of each line that is not blank: its row, or the objects that stand on it one after the other."""
    number = 0
    for line, written in enumerate(lines(file, pieces), 1):
        if written.endswith("\r"):
            file.repaired.add("crlf")
        row = written.strip(" \t\r")
        if row.startswith(BOM):  # of the file, or of one that was joined to it
            file.repaired.add("bom")
            row = row.lstrip(BOM + " \t\r")
        for value, fault, unread in _rows_of_line(file, row, tally) if row else ():
            number += 1
            yield Record(file.path, number, line, value, fault, unread)


def _rows_of_line(file: DataFile, line: str, tally: Tally) -> Iterator[tuple[Any, BadRow | None, bool]]:
    """(value or text, fault, whether further rows are lost with it) of each object of a line that is not blank."""
    if tally.is_bad(line):
        yield line, not_decoded(line), bool(TWO_ROWS.search(line))
        return
    start = 0
    while start < len(line):
        try:
            value, end, fault = read_value(line, start)
        except NoValue as error:
            yield line[start:], *_broken_row(line, start, error)
            return
        after = GAP.match(line, end).end()  # type: ignore[union-attr]  # it matches any text
        more = line.startswith("{", start) and line.startswith("{", after)
        if line[end:].strip() and not more:
            yield line[start:], *_row_with_more(line, after)
            return
        if more and BOM in line[end:after]:
            file.repaired.add("bom")
        yield (line[start:end] if fault else value), fault, False
        start = after


def _broken_row(line: str, start: int, error: json.JSONDecodeError | RecursionError) -> tuple[BadRow, bool]:
    if CR_BETWEEN.search(line, start):
        return _cr_alone(), True
    what = say("is not JSON: {reason}", reason=reason(error))
    if isinstance(error, json.JSONDecodeError):
        n = error.pos + 1
        what = say("is not JSON: {reason} (character {n})", reason=reason(error), n=n)
    return BadRow("bad_json", what), bool(TWO_ROWS.search(line, start)) or _is_before_array(line, start)


def _is_before_array(line: str, start: int) -> bool:
    """Whether an array of rows stands in a line, behind some other text."""
    at = line.find("[", start)
    if at < 0 or OBJECT.search(line, start, at):
        return False
    try:
        return at > start and len(LENIENT.raw_decode(line, at)[0]) > 1
    except NoValue:
        return False


def _row_with_more(line: str, after: int) -> tuple[BadRow, bool]:
    """The fault of a row behind which stands, at `after`, what is no row."""
    if line.startswith("\r", after):
        return _cr_alone(), True
    if line.startswith(",", after):
        what = say("is not JSON: {reason}", reason=say("a comma stands after the row"))
    else:
        what = say("is not JSON: {reason}", reason=say("more text after the row"))
    return BadRow("bad_json", what), bool(OBJECT.search(line, after))


def _cr_alone() -> BadRow:
    return BadRow("bad_json", say("line ends are CR alone; convert them"))


# ------------------------------------------------------------------------------------------ values in a text


def json_array(file: DataFile, pieces: Iterator[str], tally: Tally, one_line: bool) -> Iterator[Record]:
    """The elements of one array. A syntax error ends the file: what follows it cannot be told apart, and is `unread`."""
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
    yield Record(file.path, number, line, window.ahead(SHOWN), BadRow("bad_json", what), unread=bool(found))


def json_objects(file: DataFile, pieces: Iterator[str], tally: Tally) -> Iterator[Record]:
    """The values that stand one after the other in a text, over as many lines as they like."""
    window = Window(file, pieces)
    number, whole = 0, True
    while whole and (found := window.skip()):
        number += 1
        if found == "," and number > 1:
            yield _comma(file, window, number)
            return
        record, whole = _element(file, window, tally, number, window.line())
        yield record


def _comma(file: DataFile, window: Window, number: int) -> Record:
    what = say(
        "is not JSON: {reason} (line {line}); nothing after it could be read",
        reason=say("a comma stands after the row"),
        line=window.line(),
    )
    line, raw = window.line(), window.ahead(SHOWN)
    window.at += 1
    return Record(file.path, number, line, raw, BadRow("bad_json", what), unread=bool(window.skip()))


def _element(
    file: DataFile, window: Window, tally: Tally, number: int, line: int | None
) -> tuple[Record, bool]:
    """(the record at the window, whether its end is known)."""
    try:
        value, fault, raw = _take(window)
    except NoValue as error:
        fault = _broken(window, error)
        to_error = error.pos - window.at if isinstance(error, json.JSONDecodeError) else 0
        raw = window.ahead(SHOWN)
        tally.is_bad(raw)
        unread = not _is_cut_off(window, to_error, error)
        return Record(file.path, number, line, raw, fault, unread), False
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


def _is_cut_off(window: Window, to_error: int, error: json.JSONDecodeError | RecursionError) -> bool:
    """Whether the text ends within the value at the window, so that nothing but this value is lost."""
    if isinstance(error, json.JSONDecodeError) and error.msg.startswith("Unterminated string"):
        return True
    window.at += to_error
    window.skip()
    return CUT.match(window.ahead(2 * LOOK_AHEAD)) is not None and _ends_after_word(window)


def _ends_after_word(window: Window) -> bool:
    window.at += len(window.ahead(2 * LOOK_AHEAD).rstrip())
    return not window.skip()


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
