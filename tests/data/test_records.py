"""A data file's bytes as records with their physical lines; what cannot be read is a record or a DataError."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loralab.data.reasons import BadRow
from loralab.data.records import Record, read_records
from loralab.errors import EXIT_DATA, DataError

ROW = '{"input": "问", "output": "答"}'
DEEP = "[" * 2000 + "]" * 2000
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)

Read = Callable[..., list[tuple[str, object]]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """[(place after the file's name, value or the reason for its fault)] of a file with these bytes."""

    def read(data: str | bytes, name: str = "rows.json", encoding: str = "utf-8") -> list[tuple[str, object]]:
        path = tmp_path / name
        path.write_bytes(data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data)
        _, records = read_records(path, encoding)
        return [shown(record, path) for record in records]

    return read


def shown(record: Record, path: Path) -> tuple[str, object]:
    place = record.place.removeprefix(f"{path}:")
    if record.fault:
        assert isinstance(record.fault, BadRow)
        return place, record.fault.reason
    return place, record.value


def refused(read: Read, *arguments: str | bytes) -> str:
    with pytest.raises(DataError) as caught:
        read(*arguments)
    assert caught.value.exit_code == EXIT_DATA
    return str(caught.value)


# --------------------------------------------------------------------------------------------- places


@given(
    values=st.lists(st.dictionaries(st.text(max_size=5), JSON, max_size=3), min_size=1, max_size=6),
    gaps=st.lists(st.integers(0, 3), min_size=6, max_size=6),
)
def test_lines_keep_their_physical_line(
    tmp_path_factory: pytest.TempPathFactory, values: list[object], gaps: list[int]
) -> None:
    path = tmp_path_factory.getbasetemp() / "rows.jsonl"
    text, expected, line = "", [], 1
    for value, gap in zip(values, gaps, strict=False):
        text += "\n" * gap + json.dumps(value, ensure_ascii=False) + "\n"
        expected.append((str(line + gap), value))
        line += gap + 1
    path.write_text(text, "utf-8", newline="")
    found = [shown(record, path) for record in read_records(path)[1]]
    assert found == expected


@given(
    values=st.lists(JSON, min_size=1, max_size=5),
    indent=st.sampled_from([None, 1, 4]),
    before=st.sampled_from(["", "\n", "\n\n  \n", " "]),
)
def test_elements_of_an_array_keep_the_line_they_start_on(
    tmp_path_factory: pytest.TempPathFactory, values: list[object], indent: int | None, before: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "array.json"
    text, places = "[", []
    for number, value in enumerate(values):
        text += ("," if number else "") + before
        places.append(1 + text.count("\n"))
        text += json.dumps(value, indent=indent)
    text += before + "]"
    path.write_text(text, "utf-8")
    one_line = "\n" not in text
    expected = [
        (f"#{number}" if one_line else str(line), value)
        for number, (line, value) in enumerate(zip(places, values, strict=True), 1)
    ]
    assert [shown(record, path) for record in read_records(path)[1]] == expected


def test_a_line_separator_inside_a_string_does_not_end_a_row(read: Read) -> None:
    text = json.dumps({"input": "a\u2028b\x85c"}, ensure_ascii=False)
    assert read(text + "\n" + text) == [
        ("1", {"input": "a\u2028b\x85c"}),
        ("2", {"input": "a\u2028b\x85c"}),
    ]


@pytest.mark.parametrize("name", ["rows.json", "rows.jsonl", "rows.txt"])
def test_the_content_tells_an_array_from_lines_and_not_the_name(read: Read, name: str) -> None:
    value = json.loads(ROW)
    assert read(f"[{ROW},\n{ROW}]", name) == [("1", value), ("2", value)]
    assert read(f"{ROW}\n{ROW}", name) == [("1", value), ("2", value)]


def test_lines_of_lists_are_lines(read: Read) -> None:
    twice = '[{"a": 1, "a": 2}]'
    assert read(f"[{ROW}]\n[{ROW}]") == [("1", [json.loads(ROW)]), ("2", [json.loads(ROW)])]
    assert read(f"{twice}\n[{ROW}]") == [("1", "duplicate_key"), ("2", [json.loads(ROW)])]


# ------------------------------------------------------------------------------------------ JSON faults


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"a": 1', "bad_json"), (ROW + ROW, "bad_json"), ("{'a': 1}", "bad_json"), ('{"a": 1, "a": 1}', "duplicate_key"),
        ('{"a": {"b": 1, "b": 2}}', "duplicate_key"), ('{"a": NaN}', "bad_json"), ('{"a": -Infinity}', "bad_json"),
        ('{"a": 1e999}', "bad_json"), ('{"a": ' + "9" * 5000 + "}", "bad_json"), ('{"a": ' + DEEP + "}", "bad_json"),
        ('{"a": ' + "[" * 150 + "]" * 150 + "}", "bad_json"), ('{"a": "\0"}', "bad_json"), ("{\ufeff}", "bad_json"),
    ],
)  # fmt: skip
def test_a_bad_row_leaves_its_neighbours_alone(read: Read, line: str, reason: str) -> None:
    value = json.loads(ROW)
    assert read(f"{ROW}\n{line}\n{ROW}") == [("1", value), ("2", reason), ("3", value)]


@pytest.mark.parametrize(
    ("element", "reason"),
    [
        ('{"a": 1, "a": 1}', "duplicate_key"), ('{"a": NaN}', "bad_json"), ('{"a": 1e999}', "bad_json"),
        ('{"a": ' + "9" * 5000 + "}", "bad_json"), ('{"a": {"b": 1, "b": 2}, "c": ' + "9" * 5000 + "}", "duplicate_key"),
        ('{"a": ' + "[" * 150 + "]" * 150 + "}", "bad_json"),
    ],
)  # fmt: skip
def test_a_bad_element_that_is_whole_leaves_its_neighbours_alone(
    read: Read, element: str, reason: str
) -> None:
    value = json.loads(ROW)
    assert read(f"[{ROW},\n{element},\n{ROW}]") == [("1", value), ("2", reason), ("3", value)]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (f"[{ROW},\n{ROW},\n]", "3"), (f"[{ROW},\n{ROW}", "2"), (f'[{ROW},\n{{"a": 1,\n"b": ', "2"), (f"[{ROW},\n", "#2"),
        (f"[{ROW}\n{ROW}]", "2"), (f"[{ROW},\n{ROW}]\n{ROW}", "3"), ('[{"a": {"b": 1, "b": 2}, "c": ' + DEEP + "}]", "#1"),
    ],
)  # fmt: skip
def test_an_array_that_breaks_off_says_where(read: Read, text: str, place: str) -> None:
    found = read(text)
    assert found[-1] == (place, "bad_json")
    assert all(value == json.loads(ROW) for _, value in found[:-1])
    assert sum(isinstance(value, dict) for _, value in found) in (text.count(ROW), text.count(ROW) - 1)


def test_an_empty_array_has_no_records(read: Read) -> None:
    assert read("[ \n]") == []


# --------------------------------------------------------------------------------------------- encodings


def test_repairs_of_a_file_are_noted(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + f"{ROW}\r\n{ROW}\r\n".encode())
    file, records = read_records(path)
    assert file.repaired == {"bom", "crlf"}
    assert [record.value for record in records] == [json.loads(ROW)] * 2


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16", "utf-16-le", "big5"])
def test_a_file_in_the_encoding_that_was_named(read: Read, encoding: str) -> None:
    text = '{"input": "房東", "output": "依法"}\n'
    assert read((text * 2).encode(encoding), "rows.jsonl", encoding) == [
        ("1", json.loads(text)),
        ("2", json.loads(text)),
    ]


@pytest.mark.parametrize(
    ("written", "named"),
    [("gbk", "gb18030"), ("utf-16", "utf-16"), ("utf-16-le", "utf-16-le"), ("utf-16-be", "utf-16-be")],
)
@pytest.mark.parametrize("text", [ROW, "[" + ROW + ",\n" + ROW + "]"])
def test_a_file_in_another_encoding_is_refused_and_the_encoding_named(
    read: Read, written: str, named: str, text: str
) -> None:
    said = refused(read, text.encode(written))
    assert f"is not UTF-8; it looks like {named}\n" in said
    assert f"data.encoding: {named}" in said


def test_a_utf8_file_under_another_encoding(read: Read) -> None:
    assert "is not ASCII; it looks like utf-8" in refused(read, ROW.encode(), "rows.jsonl", "ascii")


@pytest.mark.parametrize("name", ["no-such", "hex", "rot13", "undefined", "punycode", "", "a\0b"])
def test_what_is_no_encoding_of_text_files(read: Read, name: str) -> None:
    with pytest.raises(LookupError):
        read('{"a": "}{é"}', "rows.jsonl", name)


@pytest.mark.parametrize("bad", [b'"\xff\xfe"', b'"\xe4\xb8"', b'"\xed\xa0\x80"', b'"ok", "x": "\x80"'])
def test_a_line_with_bytes_of_another_encoding_is_one_bad_row(read: Read, bad: bytes) -> None:
    value, row = json.loads(ROW), ROW.encode()
    broken = b'{"input": ' + bad + b"}"
    assert read(row + b"\n" + broken + b"\n" + row) == [("1", value), ("2", "bad_encoding"), ("3", value)]
    assert read(b"[" + row + b",\n" + broken + b",\n" + row + b"]") == [
        ("1", value), ("2", "bad_encoding"), ("3", value),
    ]  # fmt: skip
    assert read(b"[" + row + b"," + broken + b"," + row + b"]") == [
        ("#1", value), ("#2", "bad_encoding"), ("#3", value),
    ]  # fmt: skip


def test_an_element_with_a_bad_byte_in_a_line_of_its_own_is_not_kept_without_it(read: Read) -> None:
    text = b'[{"input": "a",\n"system": "\xff",\n"output": "b"},\n' + ROW.encode() + b"]"
    assert read(text) == [("1", "bad_encoding"), ("4", json.loads(ROW))]


def test_a_file_whose_only_line_has_a_bad_byte_is_not_called_empty(read: Read) -> None:
    assert read(b'{"input": "\xff\x80\x81"}') == [("1", "bad_encoding")]


# ------------------------------------------------------------------------------------------- other files


@pytest.mark.parametrize("data", ["", "\n \t\n", b"\xef\xbb\xbf"])
def test_an_empty_file(read: Read, data: str | bytes) -> None:
    assert "rows.json: is empty" in refused(read, data)


def test_gzip(read: Read) -> None:
    packed = gzip.compress((ROW + "\n").encode() * 3)
    assert len(read(packed, "rows.jsonl.gz")) == 3
    assert "cannot be read" in refused(read, packed[:-9], "rows.jsonl.gz")
    assert "cannot be read" in refused(read, ROW, "rows.jsonl.gz")
    assert "cannot be read" in refused(read, packed[:12] + b"\xff" * 20, "rows.jsonl.gz")


@pytest.mark.parametrize(
    ("name", "data", "named"),
    [
        ("rows.csv", "input,output\n问,答\n", ".csv"), ("rows.TSV", "input\toutput\n", ".TSV"),
        ("rows.parquet", b"PAR1\0\0PAR1", ".parquet"), ("rows.bin", b"PAR1\0\0PAR1", ".parquet"),
        ("rows.csv.gz", gzip.compress(b"input,output\n"), ".csv"),
    ],
)  # fmt: skip
def test_a_table_is_refused_once_and_not_line_by_line(
    read: Read, name: str, data: str | bytes, named: str
) -> None:
    said = refused(read, data, name)
    assert (
        f"{name}: {named} files are not read by this version\n  next: convert the file to JSON lines" in said
    )
    assert said.count("\n") == 1
