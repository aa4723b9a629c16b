"""Data files for tests: bytes into a file, its records out in a form that is easily compared."""

from __future__ import annotations

import hashlib
from pathlib import Path

from loralab.data.reasons import BAD_ROW
from loralab.data.records import DataFile, Record, open_records

ROW = '{"input": "问", "output": "答"}'

Seen = list[tuple[str, object]]


def write(path: Path, data: str | bytes) -> Path:
    path.write_bytes(data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data)
    return path


def records_of(path: Path, encoding: str = "utf-8") -> tuple[DataFile, list[Record]]:
    """All records, after a look at what holds for those of any file."""
    file, records = open_records(path, encoding)
    found = list(records)
    assert file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert file.repaired <= {"bom", "crlf"}
    assert [record.number for record in found] == list(range(1, len(found) + 1))
    lines = [record.line for record in found]
    assert all(line is None for line in lines) or lines == sorted(lines, key=int)  # type: ignore[arg-type]
    assert all(record.fault is None or record.fault.reason in BAD_ROW for record in found)
    assert all(record.path == str(path) == file.path for record in found)
    return file, found


def seen(path: Path, encoding: str = "utf-8") -> Seen:
    """[(place after the file's name, value or the reason for its fault)]."""
    return [
        (record.place.removeprefix(f"{path}:"), record.fault.reason if record.fault else record.value)
        for record in records_of(path, encoding)[1]
    ]


def values(path: Path, encoding: str = "utf-8") -> list[object]:
    """The values of a file without a faulty record."""
    found = records_of(path, encoding)[1]
    assert [record.fault for record in found if record.fault] == []
    return [record.value for record in found]
