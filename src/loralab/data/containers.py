"""The first bytes of a file in, an error out if they are those of an archive, a web page or another non-table."""

from __future__ import annotations

import re
from pathlib import Path

from loralab.errors import DataError, Problem
from loralab.safe_text import quoted
from loralab.words import Words, say

PARQUET, PARQUET_ENCRYPTED = b"PAR1", b"PARE"
ARROW_FILE = b"ARROW1\0\0"  # Feather
# what `save_to_disk` of datasets writes: the length of the schema, which is short, stands in the next four bytes
ARROW_STREAM = re.compile(rb"\xff{4}(?s:.{3})\0")
PACKED = {
    "gzip": (rb"\x1f\x8b", "gunzip -k {file}"),
    "zstd": (rb"\x28\xb5\x2f\xfd", "zstd -d {file}"),
    "bzip2": (rb"BZh[1-9]1AY&SY", "bunzip2 -k {file}"),
    "xz": (rb"\xfd7zXZ\0", "xz -dk {file}"),
    "7z": (rb"7z\xbc\xaf\x27\x1c", "7z x {file}"),
    "rar": (rb"Rar!\x1a\x07", "unrar x {file}"),
    "zip": (rb"PK\x03\x04|PK\x05\x06", "unzip {file}"),
    "tar": (rb"(?s:.{257})ustar", "tar -xf {file}"),
}
OFFICE = re.compile(rb"PK\x03\x04(?s:.{26})(\[Content_Types\]|_rels/|xl/|docProps/|mimetype)")
OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
WEB_PAGE = re.compile(rb"(\xef\xbb\xbf)?\s*<(!doctype\s+html|html|\?xml)\b", re.IGNORECASE)
POINTER = b"version https://git-lfs"


def refuse_containers(path: Path, head: bytes) -> None:
    """Raise DataError that says what the file is if `head` begins something that holds no rows as it stands."""
    if head.startswith(POINTER):
        _refuse(path, say("is a Git LFS pointer, not the data it stands for"), say("git lfs pull"))
    if WEB_PAGE.match(head):
        _refuse(
            path,
            say("is a web page or XML, not data"),
            say("download the data file itself, not the page that shows it"),
        )
    if OFFICE.match(head) or head.startswith(OLD_OFFICE):
        _refuse(path, say("is an Office file"), say("open it and save the table as CSV UTF-8"))
    if head.startswith(PARQUET_ENCRYPTED):
        _refuse(path, say("is encrypted Parquet"), say("write it without encryption"))
    for name, (magic, command) in PACKED.items():
        if re.match(magic, head):
            unpack = command.format(file=quoted(path))
            _refuse(
                path,
                say("holds {name} data, which are not unpacked here", name=name),
                say("unpack it and name what is inside: {command}", command=unpack),
            )


def is_columnar(head: bytes) -> bool:
    """Whether `head` begins a Parquet or an Arrow file."""
    return head.startswith((PARQUET, ARROW_FILE)) or ARROW_STREAM.match(head) is not None


def _refuse(path: Path, what: Words, next_step: Words) -> None:
    raise DataError(Problem(what, str(path), next=next_step))
