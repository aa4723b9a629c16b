"""Bytes in, text out; a byte that does not decode stays in it as one of `MARKS`, so that its row can be named.

The text always comes from an incremental decoder: whether a newline's byte may be part of a character
(UTF-16, EBCDIC) is then the decoder's knowledge, not ours.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from loralab.data.reasons import BadRow
from loralab.errors import DataError, Problem
from loralab.safe_text import quoted
from loralab.words import Words, say

MARKS = re.compile("[\udc00-\udcff]")  # half surrogate pairs, which no decoder yields
BOM = "\ufeff"
WIDE_MARKS: Final = {  # in this order, as that of UTF-32 starts with that of UTF-16
    "utf-32": (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE),
    "utf-16": (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE),
}
WIDER: Final = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
}  # a file that is called so often holds a few characters more
NOT_OF_FILES = ("punycode", "idna", "unicode-escape", "raw-unicode-escape", "undefined")
CERTAIN = 8  # characters: so many that are valid UTF-8 are no chance in another encoding
SAMPLES, SAMPLE_CHARACTERS = 200, 1000
ENOUGH = 10_000  # rows that do not decode, after which a wrong encoding is certain
SURE = 0.5  # share of common characters: random pairs of bytes have less, and so has Western text
# the common characters of each: (first bytes, second bytes from)
COMMON: Final = {"gb18030": (range(0xA1, 0xF8), 0xA1), "big5": (range(0xA1, 0xC7), 0x40)}


def encoding_name(encoding: str) -> str:
    """The name Python has for the encoding; for GB2312 and GBK that of GB18030, which holds all they have and more.

    Raises LookupError if it is none of text files. (Python reads two characters of GB2312, the middle dot and the
    dash, as other ones than GBK and GB18030 do; Chinese text means the latter.)
    """
    try:
        name = codecs.lookup(encoding).name
        "".encode(encoding)  # raises LookupError for codecs from bytes to bytes
    except (ValueError, UnicodeError):  # a NUL in the name; `undefined`
        raise LookupError(encoding) from None
    if name.replace("_", "-") in NOT_OF_FILES:
        raise LookupError(encoding)
    return WIDER.get(name, name)


def with_byte_order(encoding: str, head: bytes) -> str:
    """UTF-16 and UTF-32 with the order of bytes in their name, if no mark at the start of the file tells it.

    It is the order that the file's first bytes speak for; if they say nothing, that of Windows.
    """
    if encoding not in WIDE_MARKS or head.startswith(WIDE_MARKS[encoding]):
        return encoding
    likely = _of_zeros(head)
    return likely if likely.startswith(encoding) else f"{encoding}-le"


def decoded(blocks: Iterable[bytes], encoding: str) -> Iterator[str]:
    """The text of the blocks, in pieces that begin and end anywhere between two characters."""
    # both ways give the same marks; the first is quick, the second knows what is wrong below byte 0x80 too
    errors = "surrogateescape" if _is_utf8(encoding) else "loralab.marks"
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    for block in blocks:
        yield decoder.decode(block)
    yield decoder.decode(b"", True)


def _mark(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    stop = max(error.end, error.start + 1)
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : stop]), stop


codecs.register_error("loralab.marks", _mark)


# ------------------------------------------------------------------------------------ from the first bytes


def refuse_other_encoding(path: Path, head: bytes, encoding: str) -> None:
    """Raise DataError if the file's first bytes are plainly of another encoding than the one named, or no text."""
    likely = _of_wide(head) or _of_utf8(head, encoding)
    if likely and _text(head, likely) != _text(head, encoding):
        raise _wrong_encoding(path, encoding, likely)
    controls = sum(head.count(byte) for byte in range(9))
    if likely is None and len(head) > 500 and 100 * controls > len(head) and not _decodes(head, encoding):
        raise DataError(Problem(say("is not a text file"), str(path)))


def _of_wide(head: bytes) -> str | None:
    """UTF-16 or UTF-32, told by a byte-order mark or by where the zero bytes of ASCII characters stand."""
    marked = (encoding for encoding, marks in WIDE_MARKS.items() if head.startswith(marks))
    likely = next(marked, None) or _of_zeros(head)
    return likely if likely and _decodes(head, likely) and "\0" not in _text(head, likely) else None


def _of_zeros(head: bytes) -> str:
    """The wide encoding that zero bytes hint at; "" if they are few, or on both sides of the characters."""
    if 8 * head.count(0) > 5 * len(head):
        return "utf-32-le" if head[0] else "utf-32-be"
    big, little = (head[side::2].count(0) for side in (0, 1))
    if 2 * min(big, little) > max(big, little) or len(head) < 4:
        return ""
    side = 0 if big > little else 1
    if _decodes(head, "utf-8"):  # ASCII with a zero byte here and there, or UTF-16 of ASCII alone
        enough = 4 * max(big, little) > len(head)
    else:  # a row of JSON starts with an ASCII character
        enough = 100 * max(big, little) > len(head) and head[side] == 0
    return ("utf-16-be", "utf-16-le")[side] if enough else ""


def _of_utf8(head: bytes, encoding: str) -> str | None:
    """UTF-8, if another encoding is named under which the bytes would be read as other characters."""
    if _is_utf8(encoding) or not _decodes(head, "utf-8"):
        return None
    wide = encoding.startswith(("utf-16", "utf-32")) and b"\0" not in head
    certain = len(_text(head, "utf-8")) - len(head.decode("ascii", "ignore")) >= CERTAIN
    return "utf-8" if certain or wide else None


def _text(data: bytes, encoding: str) -> str:
    return codecs.getincrementaldecoder(encoding)("replace").decode(data).removeprefix(BOM)


def _decodes(data: bytes, encoding: str) -> bool:
    """Whether the bytes are text of the encoding; the last character may be cut off."""
    try:
        codecs.getincrementaldecoder(encoding)().decode(data)
    except UnicodeError:
        return False
    return True


def _is_utf8(encoding: str) -> bool:
    return encoding in ("utf-8", "utf-8-sig")


def _wrong_encoding(path: Path, encoding: str, likely: str) -> DataError:
    what = say("is not {encoding}; it looks like {likely}", encoding=encoding.upper(), likely=likely)
    return DataError(Problem(what, str(path), next=_way_out(path, likely)))


def _way_out(path: Path, likely: str) -> Words:
    if _is_utf8(likely):
        return say("leave data.encoding out: files are read as UTF-8 without it")
    zipped = path.suffix.lower() == ".gz"
    plain = path.with_suffix("") if zipped else path
    source, target = map(quoted, (path, plain.with_suffix(f".utf-8{plain.suffix}")))
    name = re.sub("-([lb]e)$", r"\1", likely)  # iconv writes utf-16le
    convert = f"iconv -f {name} -t utf-8"
    command = f"gzip -dc {source} | {convert} > {target}" if zipped else f"{convert} {source} > {target}"
    return say("set data.encoding: {likely}, or convert it: {command}", likely=likely, command=command)


# ------------------------------------------------------------------------------------ from row after row


def not_decoded(text: str) -> BadRow:
    """The fault of a row with MARKS in its text."""
    if MARKS.search(text.rstrip("".join(map(chr, range(0xDC00, 0xDD00))))):
        return BadRow("bad_encoding", say("holds bytes of another encoding"))
    return BadRow("bad_encoding", say("ends in the middle of a character, as where a file is cut off"))


class Tally:
    """Counts the rows that do not decode, to tell a file in another encoding from one with a few bad rows."""

    def __init__(self, path: Path, encoding: str) -> None:
        self._path, self._encoding = path, encoding
        self._non_ascii = self._bad = 0
        self._samples: list[bytes] = []

    def is_bad(self, row: str) -> bool:
        """Whether the row holds bytes that do not decode; every row has to be asked about once.

        Raises DataError as `settle` does, once there is no doubt.
        """
        if row.isascii():
            return False
        self._non_ascii += 1
        if not MARKS.search(row):
            return False
        self._bad += 1
        if len(self._samples) < SAMPLES:
            self._samples.append(_stored(row[:SAMPLE_CHARACTERS], self._encoding))
        if self._bad == ENOUGH and 10 * self._bad > 9 * self._non_ascii:
            self.settle()
        return True

    def settle(self) -> None:
        """Raise DataError if most rows that are not ASCII do not decode, but would in another encoding."""
        if 2 * self._bad <= self._non_ascii:
            return
        candidates = tuple(COMMON) if _is_utf8(self._encoding) else ("utf-8",)
        scores = {name: _score(self._samples, name) for name in candidates}
        likely = max(candidates, key=lambda name: scores[name])
        if scores[likely] > SURE:
            raise _wrong_encoding(self._path, self._encoding, likely)


def _stored(row: str, encoding: str) -> bytes:
    """The bytes of which the row was decoded; b"\\xff", which fits nowhere, where they cannot be told."""
    try:
        return row.encode(encoding, "surrogateescape")
    except UnicodeError:
        return b"\xff"


def _score(samples: list[bytes], encoding: str) -> float:
    """The share of common characters among those that are not ASCII; 0.0 if not nearly all samples fit."""
    fitting = [_text(sample, encoding) for sample in samples if _decodes(sample, encoding)]
    if 10 * len(fitting) < 9 * len(samples):
        return 0.0
    if encoding not in COMMON:
        return 1.0
    first, second = COMMON[encoding]
    pairs = [c.encode(encoding, "replace") for c in "".join(fitting) if not c.isascii()]
    common = sum(len(pair) == 2 and pair[0] in first and pair[1] >= second for pair in pairs)
    return common / max(len(pairs), 1)
