"""Pieces of text in, what readers take from them out: whole lines, or a window that moves over the text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from loralab.data.encodings import BOM
from loralab.data.record import DataFile
from loralab.errors import DataError, Problem
from loralab.words import say

MAX_ROW = 1 << 24  # characters; what is longer is no row, and is not waited for
SPACE = re.compile(r"[ \t\r\n]*")


def lines(file: DataFile, pieces: Iterator[str]) -> Iterator[str]:
    r"""The lines of a text without their newlines. Raises DataError for one longer than MAX_ROW.

    Only `\n` ends a line: U+2028 and the like may stand inside a string.
    """
    number, start, size = 1, [""], 0
    for piece in pieces:
        *whole, rest = piece.split("\n")
        if whole:
            whole[0] = "".join(start) + whole[0]
            yield from whole
            number, start, size = number + len(whole), [], 0
        start.append(rest)
        size += len(rest)
        if size > MAX_ROW:
            raise too_long(file, number)
    yield "".join(start)


def too_long(file: DataFile, line: int) -> DataError:
    """The error about a row that starts in `line`."""
    return DataError(
        Problem(
            say("the row that starts here is longer than {n} characters", n=MAX_ROW),
            f"{file.path}:{line}",
            next=say("write every row on a line of its own"),
        )
    )


class Window:
    """The part of a text that is being read: `text` from `at` on, and more when asked."""

    def __init__(self, file: DataFile, pieces: Iterator[str]) -> None:
        self.text, self.at, self.ended = "", 0, False
        self._file, self._pieces = file, pieces
        self._line, self._counted = 1, 0

    def more(self) -> None:
        """Read on, at least as much again as is waiting: reading a long value in steps takes no longer in all."""
        waiting = self.text[self.at :]
        if len(waiting) > MAX_ROW:
            raise too_long(self._file, self.line())
        self.line()
        before = self.text[: self.at][-1:]  # is it the first half of a CR LF?
        parts, size = [before, waiting], 0
        while size <= len(waiting) and not self.ended:
            piece = next(self._pieces, None)
            self.ended = piece is None
            parts.append(piece or "")
            size += len(parts[-1])
        self.text = "".join(parts)
        self.at = self._counted = len(before)

    def ahead(self, size: int) -> str:
        """The next `size` characters, fewer at the end of the text."""
        while len(self.text) - self.at < size and not self.ended:
            self.more()
        return self.text[self.at : self.at + size]

    def skip(self) -> str:
        """Go to the next character that is no space, past byte-order marks of files that were joined.

        Returns it, "" at the end.
        """
        while True:
            self.at = SPACE.match(self.text, self.at).end()  # type: ignore[union-attr]  # it matches any text
            found = self.text[self.at : self.at + 1]
            if found and found != BOM:
                return found
            if found:
                self.at += 1
                self._file.repaired.add("bom")
            elif self.ended:
                self.line()
                return ""
            else:
                self.more()

    def line(self, position: int | None = None) -> int:
        """The physical line, from 1, of a position in `text`; of `at` if none is given."""
        if position is not None:
            return self._line + self.text.count("\n", self._counted, position)
        ends = self.text.count("\n", self._counted, self.at)
        if ends and self.text.find("\r\n", max(self._counted - 1, 0), self.at) >= 0:
            self._file.repaired.add("crlf")
        self._line += ends
        self._counted = self.at
        return self._line

    def line_end(self, limit: int) -> int | None:
        """Where the line of `at` ends in `text`, which is read on for it; None if it is longer than `limit`."""
        searched = self.at
        while (end := self.text.find("\n", searched)) < 0:
            if self.ended or len(self.text) - self.at > limit:
                return len(self.text) if self.ended else None
            waiting = len(self.text) - self.at
            self.more()
            searched = self.at + waiting
        return end
