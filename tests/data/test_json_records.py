"""JSON text as records: lines, arrays, objects over lines, with the line of each; a fault costs no other row."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doubles.data_files import ROW, Seen, records_of, seen, values, write
from loralab.data import files, json_records, lines
from loralab.data.json_text import read_value
from loralab.data.records import open_records
from loralab.errors import DataError

VALUE = json.loads(ROW)
DEEP = "[" * 2000 + "]" * 2000
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
Read = Callable[..., Seen]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """[(place after the file's name, value or the reason for its fault)] of a file with this text."""
    return lambda text, name="rows.json": seen(write(tmp_path / name, text))


def kind_of(folder: Path, text: str) -> str:
    return records_of(write(folder / "rows.json", text))[0].kind


# --------------------------------------------------------------------------------------------- places


@given(
    rows=st.lists(st.dictionaries(st.text(max_size=5), JSON, max_size=3), min_size=1, max_size=6),
    gaps=st.lists(st.integers(0, 3), min_size=6, max_size=6),
)
def test_lines_keep_their_physical_line(
    tmp_path_factory: pytest.TempPathFactory, rows: list[object], gaps: list[int]
) -> None:
    text, expected, line = "", [], 1
    for value, gap in zip(rows, gaps, strict=False):
        text += "\n" * gap + json.dumps(value, ensure_ascii=False) + "\n"
        expected.append((str(line + gap), value))
        line += gap + 1
    assert seen(write(tmp_path_factory.getbasetemp() / "rows.jsonl", text)) == expected


@given(
    elements=st.lists(JSON, min_size=1, max_size=5),
    indent=st.sampled_from([None, 1, 4]),
    before=st.sampled_from(["", "\n", "\n\n  \n", " "]),
)
def test_elements_of_an_array_keep_the_line_they_start_on(
    tmp_path_factory: pytest.TempPathFactory, elements: list[object], indent: int | None, before: str
) -> None:
    text, places = "[", []
    for number, value in enumerate(elements):
        text += ("," if number else "") + before
        places.append(1 + text.count("\n"))
        text += json.dumps(value, indent=indent)
    text += before + "]"
    one_line = "\n" not in text
    expected = [
        (f"#{number}" if one_line else str(line), value)
        for number, (line, value) in enumerate(zip(places, elements, strict=True), 1)
    ]
    assert seen(write(tmp_path_factory.getbasetemp() / "array.json", text)) == expected


def test_a_line_separator_inside_a_string_does_not_end_a_row(read: Read) -> None:
    value = {"input": "a\u2028b\x85c"}
    text = json.dumps(value, ensure_ascii=False)
    assert read(text + "\n" + text) == [("1", value), ("2", value)]


@pytest.mark.parametrize("name", ["rows.json", "rows.jsonl", "rows.txt", "rows.csv", "rows.tsv"])
def test_the_content_tells_an_array_from_lines_and_not_the_name(read: Read, name: str) -> None:
    assert read(f"[{ROW},\n{ROW}]", name) == [("1", VALUE), ("2", VALUE)]
    assert read(f"{ROW}\n{ROW}", name) == [("1", VALUE), ("2", VALUE)]


def test_lines_of_lists_are_lines(read: Read) -> None:
    twice = '[{"a": 1, "a": 2}]'
    assert read(f"[{ROW}]\n[{ROW}]") == [("1", [VALUE]), ("2", [VALUE])]
    assert read(f"{twice}\n[{ROW}]") == [("1", "duplicate_key"), ("2", [VALUE])]


def test_an_array_on_a_line_too_long_to_wait_for_is_an_array(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.json", f"[{ROW},{ROW},{ROW}]")
    with mock.patch.object(json_records, "FIRST_LINE", 8), mock.patch.object(files, "BLOCK", 4):
        assert seen(path) == [("#1", VALUE), ("#2", VALUE), ("#3", VALUE)]


# ---------------------------------------------------------------------------------- objects over lines


@pytest.mark.parametrize("indent", [0, 2])
@pytest.mark.parametrize("between", ["\n", "\n\n", "", " "])
def test_objects_over_lines_are_a_record_each_with_the_line_they_start_on(
    tmp_path: Path, indent: int, between: str
) -> None:
    text = json.dumps(VALUE, indent=indent, ensure_ascii=False)
    step = text.count("\n") + between.count("\n")
    path = write(tmp_path / "rows.json", between.join([text] * 3))
    assert records_of(path)[0].kind == "JSON object"
    assert seen(path) == [(str(1 + step * i), VALUE) for i in range(3)]


@pytest.mark.parametrize("value", [{"0": VALUE, "1": VALUE}, {"data": [VALUE, VALUE]}, {"train": [VALUE]}])
@pytest.mark.parametrize("indent", [None, 4])
def test_one_object_is_one_record_whatever_it_holds(read: Read, value: object, indent: int | None) -> None:
    assert read(json.dumps(value, indent=indent)) == [("1", value)]


def test_lines_of_which_the_first_is_broken_are_lines(read: Read) -> None:
    for first in ('{"input": "a', '{"input": ', "{", '{"input": x}', '{"a": 1,'):
        assert read(f"{first}\n{ROW}\n{ROW}") == [("1", "bad_json"), ("2", VALUE), ("3", VALUE)]


def test_objects_that_break_off_say_where(read: Read) -> None:
    good = json.dumps(VALUE, indent=1)
    assert read(f'{good}\n{{\n"a": 1\n"b": 2}}\n{good}') == [("1", VALUE), ("5", "bad_json")]
    assert read(f'{good}\n{{\n"a": 1') == [("1", VALUE), ("5", "bad_json")]
    assert read(f'{good}\n{{"a": 1,\n"a": 2}}\n{good}') == [
        ("1", VALUE),
        ("5", "duplicate_key"),
        ("7", VALUE),
    ]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (ROW, "JSON lines"), (f"{ROW}\n{ROW}", "JSON lines"), (f"[{ROW}]", "JSON array"), (f"[{ROW}]\n[{ROW}]", "JSON lines"),
        ("[]", "JSON array"), ("{\n}", "JSON object"), ("null", "JSON lines"), ("x", "JSON lines"), (f"\n\n [\n{ROW}\n]", "JSON array"),
    ],
)  # fmt: skip
def test_what_kind_of_json_a_file_holds(tmp_path: Path, text: str, kind: str) -> None:
    assert kind_of(tmp_path, text) == kind


# ------------------------------------------------------------------------------------------ JSON faults


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"a": 1', "bad_json"), ("{'a': 1}", "bad_json"), ('{"a": 1, "a": 1}', "duplicate_key"),
        ('{"a": {"b": 1, "b": 2}}', "duplicate_key"), ('{"a": NaN}', "bad_json"), ('{"a": -Infinity}', "bad_json"),
        ('{"a": 1e999}', "bad_json"), ('{"a": ' + "9" * 5000 + "}", "bad_json"), ('{"a": ' + DEEP + "}", "bad_json"),
        ('{"a": ' + "[" * 150 + "]" * 150 + "}", "bad_json"), ('{"a": "\0"}', "bad_json"), ("{\ufeff}", "bad_json"), ("\0" * 9, "bad_json"),
        (ROW + ",", "bad_json"), ("\u3000", "bad_json"),
    ],
)  # fmt: skip
def test_a_bad_row_leaves_its_neighbours_alone(read: Read, line: str, reason: str) -> None:
    assert read(f"{ROW}\n{line}\n{ROW}") == [("1", VALUE), ("2", reason), ("3", VALUE)]


def test_a_faulty_row_keeps_its_text(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.json", f'{ROW}\n {{"a": 1, "a": 2}} \r\n["x"')
    assert [r.value for r in records_of(path)[1] if r.fault] == ['{"a": 1, "a": 2}', '["x"']
    path = write(tmp_path / "rows.json", f'[{ROW},\n{{"a": 1, "a": 2}}, {{"b": x}}]')
    assert [r.value for r in records_of(path)[1] if r.fault] == ['{"a": 1, "a": 2}', '{"b": x}]']


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
    assert read(f"[{ROW},\n{element},\n{ROW}]") == [("1", VALUE), ("2", reason), ("3", VALUE)]


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        (f"[{ROW},\n{ROW},\n]", "3", "comma before the end"), (f"[{ROW},\n{ROW}", "2", "does not end"),
        (f'[{ROW},\n{{"a": 1,\n"b": ', "2", r"\(line 3\); nothing after it"), (f"[{ROW},\n", "#2", "nothing after it"),
        (f"[{ROW}\n{ROW}]", "2", "comma is missing"), (f"[{ROW},\n{ROW}]\n{ROW}", "3", "was not read"),
        ('[{"a": {"b": 1, "b": 2}, "c": ' + DEEP + "}]", "#1", "nested too deeply"), (f"[{ROW}]]", "#2", "was not read"),
    ],
)  # fmt: skip
def test_an_array_that_breaks_off_says_where(tmp_path: Path, text: str, place: str, said: str) -> None:
    path = write(tmp_path / "rows.json", text)
    found = seen(path)
    assert found[-1] == (place, "bad_json")
    assert all(value == VALUE for _, value in found[:-1])
    assert sum(isinstance(value, dict) for _, value in found) in (text.count(ROW), text.count(ROW) - 1)
    fault = records_of(path)[1][-1].fault
    assert fault
    with pytest.raises(type(fault), match=said):
        raise fault


def test_an_empty_array_has_no_records(read: Read) -> None:
    assert read("[ \n]") == []
    assert read("[]") == []


def test_the_fault_of_a_line_says_at_which_character(tmp_path: Path) -> None:
    (record,) = records_of(write(tmp_path / "rows.json", '{"a": 1 "b": 2}'))[1]
    assert record.fault
    assert "character 9" in str(record.fault.detail)
    assert "第 9 个字符" in record.fault.detail.text("zh")


# ------------------------------------------------------------------------------------ what is lost with a fault


def unread(folder: Path, text: str) -> list[bool]:
    """Whether more is lost with each faulty record of a file with this text."""
    return [record.unread for record in records_of(write(folder / "rows.json", text))[1] if record.fault]


@pytest.mark.parametrize(
    "text",
    [
        f'[{ROW},\n{{"a": x}},\n{ROW},\n{ROW}]', f'[{ROW},\n{{"a": "x}},\n{ROW}]', f'[{ROW}, {{"a": "x}}, {ROW}]',
        f"[{ROW},\n{ROW}\n{ROW},\n{ROW}]", f"[{ROW},\n{ROW}]\n{ROW}", f"[{ROW}, {ROW}]\nx", f"[{ROW}, {ROW}]\n{ROW}", f"[{ROW}]]",
        f'[{ROW},\n{{"a": tru                                       ,"b": 1}}]',
        f'{{\n"a": 1}}\n{{\n"a": 1\n"b": 2}}\n{ROW}', f'{{\n"a": 1}}\nx\n{ROW}', f'{{\n"a": 1}},\n{ROW}', f'{{\n"a": 1}}\n{{"a": {DEEP}}}\n{ROW}',
    ],
)  # fmt: skip
def test_rows_behind_a_syntax_fault_are_not_counted_as_one_bad_row(tmp_path: Path, text: str) -> None:
    found = records_of(write(tmp_path / "rows.json", text))[1]
    assert [record.unread for record in found] == [False] * (len(found) - 1) + [True]
    assert found[-1].fault


WHOLE = json.dumps({"a": [1.5, -2e5, True, None], "b": {"c": "x\\u95ee\n"}, "d": False})


@given(
    cut=st.integers(1, len(WHOLE) - 1),
    space=st.sampled_from(["", "\n", " \r\n", " " * 60]),
    start=st.sampled_from(["[", "[{},\n", "[\n{}, ", "{\n}\n"]),
)
def test_a_text_that_ends_within_a_row_loses_this_row_alone(
    tmp_path_factory: pytest.TempPathFactory, cut: int, space: str, start: str
) -> None:
    text = f"{start}{WHOLE[:cut]}{space}"
    assert unread(tmp_path_factory.getbasetemp(), text) == [False]


def test_an_array_without_its_end_loses_nothing_more(tmp_path: Path) -> None:
    for text in (
        f"[{ROW},\n{ROW}",
        f"[{ROW},\n{ROW},\n",
        f"[{ROW},\n{ROW},\n]",
        f'[{ROW},\n{{"a": 1, "a": 2}}]',
    ):
        assert unread(tmp_path, text) == [False]
    assert unread(tmp_path, "{\n}\n,\n") == [False]


@pytest.mark.parametrize("between", ["", " ", "\t", "\ufeff"])
def test_several_objects_on_one_line_are_read(tmp_path: Path, between: str) -> None:
    path = write(tmp_path / "rows.json", f"{ROW}\n{ROW}{between}{ROW}{between}{ROW}\n{ROW}")
    assert seen(path) == [("1", VALUE), ("2", VALUE), ("2", VALUE), ("2", VALUE), ("3", VALUE)]
    assert records_of(path)[0].repaired == ({"bom"} if between == "\ufeff" else set())


@pytest.mark.parametrize(
    ("line", "before", "lost"),
    [
        (ROW + '{"a": 1, "a": 2}', 1, False), (ROW + '{"a": x}', 1, False), (ROW + '{"a": 1', 1, False), (ROW + " x", 0, False),
        (ROW + '{"a": x}' + ROW, 1, True), ('{"a": x}' + ROW, 0, True), ('{"a": 1' + ROW, 0, False), (f"{ROW} x {ROW}", 0, True),
        (f"{ROW},{ROW}", 0, True), (f"{ROW},", 0, False), ('{"a": x}', 0, False),
    ],
)  # fmt: skip
def test_a_fault_on_a_line_of_several_objects_says_whether_others_are_lost(
    tmp_path: Path, line: str, before: int, lost: bool
) -> None:
    found = records_of(write(tmp_path / "rows.json", f"{ROW}\n{line}\n{ROW}"))[1]
    assert [record.fault is None for record in found] == [True, *[True] * before, False, True]
    assert [record.unread for record in found if record.fault] == [lost]


def test_a_comma_at_the_end_of_a_line_is_called_one(tmp_path: Path) -> None:
    for text in (f"{ROW},\n{ROW}", f"{ROW} , \n", '{\n"a": 1},\n{}'):
        (fault,) = (
            record.fault for record in records_of(write(tmp_path / "rows.json", text))[1] if record.fault
        )
        assert "a comma stands after the row" in str(fault.detail)
        assert "该行数据之后有一个逗号" in fault.detail.text("zh")


@pytest.mark.parametrize("first", [ROW, '{"a": x}', f"{ROW},"])
def test_line_ends_of_cr_alone_are_said_in_words(tmp_path: Path, first: str) -> None:
    (record,) = records_of(write(tmp_path / "rows.json", f"{first}\r{ROW}\r{ROW}\r"))[1][-1:]
    assert record.fault
    if first.endswith(","):
        assert "a comma stands after the row" in str(record.fault.detail)
    else:
        assert str(record.fault.detail) == "line ends are CR alone; convert them"
    assert record.unread


def test_a_cr_within_a_string_is_no_line_end(tmp_path: Path) -> None:
    (record,) = records_of(write(tmp_path / "rows.json", '{"a": "x\ry"}'))[1]
    assert record.fault
    assert "Invalid control character" in str(record.fault.detail)
    assert not record.unread


# ------------------------------------------------------------------------------------- byte-order marks


def test_a_byte_order_mark_of_a_joined_file_is_taken_off(tmp_path: Path) -> None:
    for text in (f"\ufeff{ROW}\n\ufeff{ROW}\n", f"\ufeff[\n\ufeff{ROW},\n{ROW}]", f"{ROW}\n\ufeff\n{ROW}"):
        path = write(tmp_path / "rows.json", text)
        assert records_of(path)[0].repaired == {"bom"}
        assert values(path) == [VALUE, VALUE]


def test_a_byte_order_mark_elsewhere_is_a_fault_or_text(read: Read) -> None:
    text = '{"input": "\ufeffa\ufeff"}'
    assert read(f"{text}\n{ROW}\ufeff\n{text}") == [
        ("1", {"input": "\ufeffa\ufeff"}), ("2", "bad_json"), ("3", {"input": "\ufeffa\ufeff"}),
    ]  # fmt: skip


@pytest.mark.parametrize("block", [1, 2, 3, 1000])
@pytest.mark.parametrize("text", [f"{ROW}\r\n{ROW}\r\n", f"[{ROW},\r\n{ROW}]", "{\r\n}\n{\n}"])
def test_carriage_returns_are_noted_wherever_a_block_ends(tmp_path: Path, text: str, block: int) -> None:
    with mock.patch.object(files, "BLOCK", block):
        assert records_of(write(tmp_path / "a.json", text))[0].repaired == {"crlf"}
        assert records_of(write(tmp_path / "b.json", text.replace("\r", "")))[0].repaired == set()


# ----------------------------------------------------------------------------------------- large values


@pytest.mark.parametrize("text", ['[{"a": "%s"}, %s]', '{\n"a": "%s"}\n%s', '{"a": "%s"}\n%s'])
def test_a_value_over_many_blocks_is_not_decoded_once_for_each(tmp_path: Path, text: str) -> None:
    path = write(tmp_path / "rows.json", text % ("x" * 200_000, ROW))
    with (
        mock.patch.object(files, "BLOCK", 1000),
        mock.patch.object(json_records, "read_value", wraps=read_value) as decode,
    ):
        assert values(path) == [{"a": "x" * 200_000}, VALUE]
    assert decode.call_count < 40


@pytest.mark.parametrize(
    "start", ['{"a": "', '{"a": "x"}\n{"b": "', '[{"a": "', "[[", '{\n"a": "', "[" + "9" * 500, "\0"]
)
def test_a_row_without_end_is_not_waited_for(tmp_path: Path, start: str) -> None:
    path = write(tmp_path / "rows.json", start + "9" * 100_000)
    with (
        mock.patch.object(lines, "MAX_ROW", 3000),
        mock.patch.object(json_records, "MAX_ROW", 3000),
        mock.patch.object(files, "BLOCK", 1000),
        pytest.raises(
            DataError, match=r"rows.json:[12]: the row that starts here is longer than 3000 characters"
        ),
    ):
        seen(path)


def test_a_file_that_is_cut_off_within_a_character_is_said_to_be(tmp_path: Path) -> None:
    """It was said to hold bytes of another encoding."""
    path = tmp_path / "cut.jsonl"
    path.write_bytes('{"input": "问", "output": "答"}\n{"input": "问'.encode()[:-1])
    first, second = open_records(path)[1]
    assert first.fault is None
    assert second.fault is not None and second.fault.reason == "bad_encoding"
    assert "middle of a character" in str(second.fault.detail)
