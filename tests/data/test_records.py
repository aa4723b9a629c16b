"""Any data file as records: whatever its bytes and its kind, every row is there, in order, once, unchanged."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from doubles.data_files import ROW, records_of, seen, values, write
from doubles.shared_data import SHARED, needs_shared_data
from loralab.data import files, json_records
from loralab.data.reasons import BadRow
from loralab.data.records import DataFile, Record, open_records
from loralab.errors import DataError

NAMES = (
    ".json", ".jsonl", ".txt", ".csv", ".tsv", ".parquet", ".gz", ".jsonl.gz", ".csv.gz", ".tsv.gz", ".parquet.gz",
)  # fmt: skip
PARTS = [
    ROW.encode(), b"\n", b"[", b"]", b",", b"{", b"}", b'"', b":", b"\r\n", b"\r", b"\xff", b"\xef\xbb\xbf", b"\0", b'"input"', b"NaN",
    b"9" * 5000, b"[" * 3000, b'"\\ud800"', b"\xce\xca", b" " * 40, b"1e999", b";", b"\t", b"\xff\xfe", b"\x1f\x8b", b"PAR1", b"input,output\n",
    b'""', b"a,b\n", b"\\", b"\\u12",
]  # fmt: skip
ANY_BYTES = st.binary(max_size=80) | st.lists(st.sampled_from(PARTS), max_size=12).map(b"".join)
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
OBJECTS = st.lists(
    st.dictionaries(
        TEXT,
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT | st.lists(TEXT, max_size=3),
        max_size=3,
    ),
    min_size=1,
    max_size=5,
)  # fmt: skip


def as_seen(path: Path, encoding: str = "utf-8") -> tuple[Any, ...]:
    """All that a file's reader says, in a form that is easily compared."""
    try:
        file, records = records_of(path, encoding)
    except DataError as error:
        return (error.text(), error.text("zh"))
    faults = [
        (r.fault.reason, str(r.fault.detail), r.fault.detail.text("zh")) if r.fault else None for r in records
    ]
    return (
        file.kind, file.repaired, [(r.number, r.line) for r in records], faults, [ascii(r.value) for r in records],
    )  # fmt: skip


# ----------------------------------------------------------------------------------------------- any bytes


@given(
    data=ANY_BYTES,
    name=st.sampled_from(NAMES),
    packed=st.booleans(),
    encoding=st.sampled_from(["utf-8", "gb18030", "utf-16", "utf-16-be", "utf-32", "ascii", "latin-1"]),
)
@example(
    data=b'[{"a": {"b": 1, "b": 2}, "c": ' + b"9" * 5000 + b"}]", name=".json", packed=False, encoding="utf-8"
)
@example(data=b'[{"a": {"b": 1, "b": 2}, "c": ' + b"[" * 3000, name=".json", packed=False, encoding="utf-8")
@example(
    data=b"[" + ROW.encode() + b",\n\xff,\n" + ROW.encode() + b"]",
    name=".json",
    packed=False,
    encoding="utf-8",
)
def test_any_bytes_end_in_records_or_in_words(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, name: str, packed: bool, encoding: str
) -> None:
    path = write(tmp_path_factory.getbasetemp() / f"any{name}", gzip.compress(data) if packed else data)
    assert as_seen(path, encoding) == as_seen(path, encoding)


@given(
    data=ANY_BYTES,
    name=st.sampled_from([".json", ".csv", ".tsv"]),
    packed=st.booleans(),
    block=st.integers(1, 7),
)
@example(
    data=b'[1, "\\u00e9\\ud83d\\ude00", -1.5e+30, true, null, 12345678901234567890]',
    name=".json",
    packed=False,
    block=1,
)
@example(
    data=b'[{"a"' + b" " * 50 + b":" + b" " * 50 + b"1" + b" " * 50 + b"}," + b" " * 50 + b"2]",
    name=".json",
    packed=False,
    block=3,
)
@example(data=b'{\n"a"' + b"\n" * 50 + b": tru", name=".json", packed=False, block=3)
def test_records_do_not_depend_on_where_blocks_end(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, name: str, packed: bool, block: int
) -> None:
    path = write(tmp_path_factory.getbasetemp() / f"blocks{name}", gzip.compress(data) if packed else data)
    whole = as_seen(path)
    with mock.patch.object(files, "BLOCK", block):
        assert as_seen(path) == whole


# ---------------------------------------------------------------------------------------------- round trips


def compact(rows: list[Any]) -> str:
    return json.dumps(rows, ensure_ascii=False, separators=(",", ":"))


def pretty(rows: list[Any]) -> str:
    return json.dumps(rows, ensure_ascii=False, indent=2)


def as_lines(rows: list[Any]) -> str:
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)


def as_objects(rows: list[Any]) -> str:
    return "\n".join(json.dumps(row, indent=1) if row else "{\n}" for row in rows)


def in_one_line(rows: list[Any]) -> str:
    return "".join(json.dumps(row) for row in rows)


@pytest.mark.parametrize("shape", [compact, pretty, as_lines, as_objects, in_one_line])
@given(
    rows=OBJECTS,
    packed=st.booleans(),
    encoding=st.sampled_from(["utf-8", "gb18030", "utf-16", "utf-32-be"]),
    block=st.integers(1, 99),
)
def test_json_rows_are_the_same_in_every_shape(
    tmp_path_factory: pytest.TempPathFactory, shape: Callable[[list[Any]], str], rows: list[Any], packed: bool, encoding: str, block: int
) -> None:  # fmt: skip
    data = shape(rows).encode(encoding)
    path = write(tmp_path_factory.getbasetemp() / "shape.json", gzip.compress(data) if packed else data)
    with mock.patch.object(files, "BLOCK", block):
        found = values(path, encoding)
    assert found == rows
    assert compact(found) == compact(rows)  # to the last digit and the order of keys


@given(rows=st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=5))
def test_rows_of_text_are_the_same_in_tables(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    expected = [{"问题": a or None, "回答": b or None} for a, b in rows]
    folder = tmp_path_factory.getbasetemp()
    pq.write_table(
        pa.Table.from_pylist(expected, pa.schema([("问题", pa.string()), ("回答", pa.string())])),
        folder / "t.parquet",
    )
    assert values(folder / "t.parquet") == expected
    for name, delimiter in (("t.csv", ","), ("t.tsv", "\t")):
        buffer = io.StringIO()
        csv.writer(buffer, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows([("问题", "回答"), *rows])
        found = seen(write(folder / name, buffer.getvalue()))
        assert [value for _, value in found] == [
            "bad_unicode" if "\0" in a + b else value for value, (a, b) in zip(expected, rows, strict=True)
        ]


@given(
    rows=OBJECTS,
    shape=st.sampled_from([compact, pretty, as_lines, as_objects, in_one_line]),
    at=st.floats(0, 1),
    change=st.sampled_from(['"', ",", "}", "x", "]", "\n", "\r", "{", " "]),
)
def test_no_row_is_lost_unsaid_where_a_text_is_damaged(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Any], shape: Callable[[list[Any]], str], at: float, change: str
) -> None:  # fmt: skip
    """Under on_bad_row: drop, training went on with the 2 rows before a fault of 300, which was one bad row."""
    rows = [{"id": str(number), **row} for number, row in enumerate(rows * 4)]
    text = shape(rows)
    place = int(at * len(text))
    path = write(tmp_path_factory.getbasetemp() / "damaged.json", text[:place] + change + text[place:])
    found = records_of(path)[1]
    if not any(record.unread for record in found):
        assert len(found) >= len(rows)


@pytest.mark.parametrize("rest", [b"x", b"\n", b"\x1fx", b"\0\0x" * 9, b"more text" * 99])
def test_what_stands_behind_gzip_data_is_said_in_words(tmp_path: Path, rest: bytes) -> None:
    """The words were those of zlib, or that the data end too early."""
    path = write(tmp_path / "rows.jsonl.gz", gzip.compress(ROW.encode()) + rest)
    with pytest.raises(
        DataError, match=r"not gzip data stand after the end of the gzip data\n  next: the file is damaged"
    ):
        records_of(path)


# ---------------------------------------------------------------------------------------- large files


def rows_of_text(number: int) -> list[dict[str, str]]:
    return [{"input": f"问{i}" * 10, "output": "答" * 100} for i in range(number)]


def in_csv(rows: list[dict[str, str]]) -> str:
    return "input,output\n" + "".join(f"{row['input']},{row['output']}\n" for row in rows)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("a.json", compact),
        ("b.json", pretty),
        ("c.json", as_lines),
        ("d.json", as_objects),
        ("e.csv", in_csv),
    ],
)
def test_memory_does_not_grow_with_the_file(
    tmp_path: Path, name: str, shape: Callable[[list[Any]], str]
) -> None:
    def peak(number: int) -> int:
        path = write(tmp_path / name, gzip.compress(shape(rows_of_text(number)).encode(), 1))
        tracemalloc.start()
        try:
            assert sum(1 for _ in open_records(path)[1]) == number
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    with mock.patch.object(files, "BLOCK", 1 << 12), mock.patch.object(json_records, "FIRST_LINE", 1 << 12):
        assert peak(3000) < peak(300) + 100_000


# ----------------------------------------------------------------------------------------------- the values


def test_a_record_says_where_it_stands() -> None:
    assert Record("a.json", 3, 7).place == "a.json:7"
    assert Record("a.json", 3, None).place == "a.json:#3"
    assert (Record("a", 1, 1).value, Record("a", 1, 1).fault, Record("a", 1, 1).unread) == (None, None, False)


def test_a_fault_does_not_keep_what_was_being_read(tmp_path: Path) -> None:
    for text in ('[{"a": 1, "a": 2}]', '{"a": NaN}', "{", "[x", "[[[", '{"a": ' + "[" * 3000):
        for record in records_of(write(tmp_path / "rows.json", text))[1]:
            assert isinstance(record.fault, BadRow)
            assert record.fault.__traceback__ is None


def test_the_hash_is_complete_at_the_end(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", f"{ROW}\n\ufeff{ROW}\r\n")
    file, records = open_records(path)
    assert file == DataFile(str(path), "", "JSON lines", set())
    assert len(list(records)) == 2
    assert len(file.sha256) == 64
    assert file.repaired == {"bom", "crlf"}


# ------------------------------------------------------------------------------------------------ real files


@needs_shared_data
def test_real_files_hold_what_python_reads_in_them() -> None:
    paths = [p for p in sorted(SHARED.rglob("*")) if p.suffix in (".json", ".jsonl", ".csv")]
    assert len(paths) > 50
    for path in paths:
        text = path.read_text("utf-8-sig")
        if path.suffix == ".csv":
            expected = [
                {k: v or None for k, v in row.items()}
                for row in csv.DictReader(io.StringIO(text, newline=""))
            ]
        elif path.suffix == ".jsonl":
            expected = [json.loads(line) for line in text.split("\n") if line]
        else:
            whole = json.loads(text)
            expected = whole if isinstance(whole, list) else [whole]
        assert values(path) == expected, path
