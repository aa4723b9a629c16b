"""CSV and TSV as records: the cells below their header, each row with its line; a bad row costs no other."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from doubles.data_files import Seen, records_of, seen, values, write
from loralab.data import files, table_records
from loralab.errors import DataError

GOOD = {"input": "问", "output": "答"}
CELLS = st.text(st.characters(exclude_characters="\0\ufeff", exclude_categories=("Cs",)), max_size=8)
Read = Callable[..., Seen]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    return lambda text, name="rows.csv": seen(write(tmp_path / name, text))


def refused(folder: Path, text: str | bytes, name: str = "rows.csv") -> str:
    with pytest.raises(DataError) as caught:
        seen(write(folder / name, text))
    return str(caught.value)


# ------------------------------------------------------------------------------------------ what is read


@given(
    rows=st.lists(st.lists(CELLS, min_size=2, max_size=2), max_size=5),
    suffix=st.sampled_from([("csv", ","), ("csv", ";"), ("tsv", "\t"), ("csv", "\t"), ("tsv", ",")]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    end=st.sampled_from(["\n", "\r\n"]),
    bom=st.sampled_from(["", "\ufeff"]),
)
def test_cells_are_what_was_written_with_the_line_their_row_starts_on(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], suffix: tuple[str, str], quoting: int, end: str, bom: str
) -> None:  # fmt: skip
    assume(
        quoting == csv.QUOTE_ALL or "\r" not in "".join(map("".join, rows))
    )  # not every Python's writer quotes it
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=suffix[1], lineterminator=end, quoting=quoting)  # type: ignore[arg-type]
    writer.writerow(["input", "output"])
    expected = []
    for row in rows:
        line = 1 + buffer.getvalue().count("\n")
        writer.writerow(row)
        if row != ["input", "output"]:
            expected.append(
                (str(line), dict(zip(("input", "output"), (c or None for c in row), strict=True)))
            )
    path = write(tmp_path_factory.getbasetemp() / f"rows.{suffix[0]}", bom + buffer.getvalue())
    assert [item for item in seen(path) if item[1] != "wrong_type"] == expected
    assert records_of(path)[0].repaired == ({"bom"} if bom else set()) | (
        {"crlf"} if end == "\r\n" else set()
    )


def test_an_empty_cell_is_no_value(read: Read) -> None:
    assert read('input,output,system\n问,答,\n问,"答",""\n') == [
        ("2", {**GOOD, "system": None}), ("3", {**GOOD, "system": None}),
    ]  # fmt: skip


def test_text_stays_text(read: Read) -> None:
    for text in ("NaN", "null", "1", "1e5", "true", "[1]", " x ", '{"a": 1}'):
        cell = text.replace('"', '""')
        assert read(f'input,output\n"{cell}",x\n') == [("2", {"input": text, "output": "x"})]


def test_a_line_break_inside_quotes_is_text_and_counted_as_a_line(read: Read) -> None:
    text = 'input,output\r\n"a\r\nb\n\rc",x\r\n\r\n"say ""hi"", ok",y\r\n'
    assert read(text) == [
        ("2", {"input": "a\r\nb\n\rc", "output": "x"}), ("6", {"input": 'say "hi", ok', "output": "y"}),
    ]  # fmt: skip


def test_carriage_returns_inside_quotes_are_no_repair(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.csv", 'input,output\n"a\r\nb",x\n')
    assert records_of(path)[0].repaired == set()


def test_a_line_separator_does_not_end_a_row(read: Read) -> None:
    assert read("input,output\na\u2028b\x85\x0bc,x\n") == [
        ("2", {"input": "a\u2028b\x85\x0bc", "output": "x"})
    ]


def test_blank_lines_are_no_rows(read: Read) -> None:
    assert read("\n  \ninput,output\n\n问,答\n \t\r\n\n问,答") == [("5", GOOD), ("8", GOOD)]


@pytest.mark.parametrize(
    ("name", "header", "kind"),
    [
        ("a.csv", "input,output", "CSV"), ("a.csv", "input;output", "CSV (;)"), ("a.csv", "input\toutput", "CSV (tab)"),
        ("a.tsv", "input\toutput", "TSV"), ("a.tsv", "input,output", "TSV (,)"), ("a.CSV", "input", "CSV"),
        ("a.csv", "a,b;c;d", "CSV"), ("a.csv.gz.csv", "input;output", "CSV (;)"),
    ],
)  # fmt: skip
def test_the_separator_is_that_of_the_header(tmp_path: Path, name: str, header: str, kind: str) -> None:
    assert records_of(write(tmp_path / name, header + "\n"))[0].kind == kind


@pytest.mark.parametrize("column", ["messages", "conversations", "conversation", "history"])
def test_lists_in_the_columns_of_conversations_are_read(read: Read, column: str) -> None:
    def row(cell: str) -> str:
        return '"' + cell.replace('"', '""') + '"'

    turns = [{"role": "user", "content": "问"}]
    broken = ["[{'role': 'user'}]", "[1", "问", "[1] x", "[" * 9000]
    cells = [json.dumps(turns), json.dumps({"a": turns}), *broken, '[{"a": 1, "a": 2}]', ""]
    found = [value for _, value in read(f"{column},x\n" + "".join(f"{row(c)},1\n" for c in cells))]
    assert found[:-2] == [{column: value, "x": "1"} for value in (turns, {"a": turns}, *broken)]
    assert found[-2:] == ["duplicate_key", {column: None, "x": "1"}]


def cell(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return '"' + text.replace('"', '""') + '"'


@pytest.mark.parametrize("name", ["rows.csv", "rows.tsv"])
def test_turns_and_texts_in_cells_are_read_as_lists(read: Read, name: str) -> None:
    row = {
        "prompt": [{"role": "user", "content": "问"}], "completion": [{"role": "assistant", "content": "答"}],
        "laws": ["第一条", "第二条"], "reference": ["《民法典》第一条"],
    }  # fmt: skip
    text = "\t".join(row) + "\n" + "\t".join(map(cell, row.values()))
    assert read(text if name.endswith("tsv") else text.replace("\t", ","), name) == [("2", row)]


@pytest.mark.parametrize(
    "text", ["[1]", '[{"name": "张三"}]', "[]", "[张三]", '{"role": "user"}', "[1", '[["a"]]']
)
def test_an_answer_that_is_json_itself_stays_text(read: Read, text: str) -> None:
    """A completion such as a JSON list is what the model is to write."""
    assert read(f"prompt,completion\n问,{cell(text)}\n") == [("2", {"prompt": "问", "completion": text})]


def test_a_key_twice_in_a_turn_of_a_prompt_is_a_fault(read: Read) -> None:
    turns = '[{"role": "user", "role": "user", "content": "问"}]'
    assert read(f"prompt,completion\n{cell(turns)},答\n") == [("2", "duplicate_key")]


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "SEP=;", "\ufeffsep=;", "\nsep=;\r"])
@pytest.mark.parametrize("name", ["rows.csv", "rows.tsv"])
def test_the_separator_that_excel_names_above_the_header_is_used(
    tmp_path: Path, first: str, name: str
) -> None:
    path = write(tmp_path / name, f"{first}\ninput,x;output\n问;答\n")
    line = 3 + first.count("\n")
    assert seen(path) == [(str(line), {"input,x": "问", "output": "答"})]
    assert records_of(path)[0].kind == f"{name[5:].upper()} (;)"


def test_a_file_of_a_separator_alone_is_empty(tmp_path: Path) -> None:
    assert "rows.csv: is empty" in refused(tmp_path, "sep=,\n\n")


# --------------------------------------------------------------------------------------------- bad rows


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("a", "missing_field"), ("a,b,c", "wrong_type"), ('"a"b,c', "wrong_type"), ("a\rb,c", "wrong_type"), ("a\0,b", "bad_unicode"),
        ("input,output", "wrong_type"), ('"a" ,b', "wrong_type"),
    ],
)  # fmt: skip
def test_a_bad_row_leaves_its_neighbours_alone(tmp_path: Path, row: str, reason: str) -> None:
    path = write(tmp_path / "rows.csv", f"input,output\n问,答\n{row}\n问,答\n")
    assert seen(path) == [("2", GOOD), ("3", reason), ("4", GOOD)]
    assert [record.value for record in records_of(path)[1] if record.fault] == [row + "\n"]


def test_a_row_of_another_length_says_how_long_it_is(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.csv", "input,output\na,b,c\n")
    (record,) = records_of(path)[1]
    assert record.fault
    assert str(record.fault.detail) == "the row has 3 cells, the header has 2"


@pytest.mark.parametrize(
    ("text", "opened"),
    [
        ('input,output\n问,答\n"a,b\nc,d\n', 3), ('input,output\n问,答\n"x\n""y""\nz",5" "z" d,"a\nc,d\n', 5),
        ('input,output\n问,答\n"","', 3), ('input,output\n问,答\na,b,c,"""\n', 3),
    ],
)  # fmt: skip
@pytest.mark.parametrize("row_limit", [10, 1 << 24])
def test_a_quote_that_is_not_closed_names_its_line(
    tmp_path: Path, text: str, opened: int, row_limit: int
) -> None:
    path = write(tmp_path / "rows.csv", text)
    with mock.patch.object(table_records, "MAX_ROW", row_limit):
        (good, bad) = records_of(path)[1]
    assert (good.value, bad.line) == (GOOD, 3)
    assert bad.fault
    assert bad.fault.reason == "wrong_type"
    lines = [opened] if row_limit > 10 else [3, opened]
    assert any(f"opens in line {line} is not closed" in str(bad.fault.detail) for line in lines)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('"a,b\n' + "问,答\n" * 9, "rows in lines 3 to 12"), ('a,"b\n问,答\n', "rows in lines 3 to 4"),
        ('"a,b\n问,答\n问,"答"\n', "rows in lines 3 to 5"), ('"a","b\n"问","答"\n', "rows in lines 3 to 4"),
        ('"a,b\n问,答\n问,答"\n', "the row in lines 3 to 5 has 1 cells"), ('"a,b\n问,答\n",b,c\n', "the row in lines 3 to 5 has 3 cells"),
        ("a,b\r问,答\r问,答\r\n", "line ends are CR alone"),
    ],
)  # fmt: skip
def test_rows_that_a_runaway_quote_took_are_not_counted_as_one(tmp_path: Path, text: str, said: str) -> None:
    path = write(tmp_path / "rows.csv", f"input,output\n问,答\n{text}")
    (good, bad) = records_of(path)[1]
    assert (good.value, good.unread, bad.line) == (GOOD, False, 3)
    assert bad.fault
    assert said in str(bad.fault.detail)
    assert bad.unread


@pytest.mark.parametrize(
    "text", ['"a', 'a,"b\n', 'a,"b\n\n\n', '"a"b,c\n', '"a\nb"c,d\n', '"a\nb",c,d\n', "a\rb,c\n", "a\n"]
)
def test_a_fault_that_takes_no_other_row_is_one_lost_row(tmp_path: Path, text: str) -> None:
    (good, bad) = records_of(write(tmp_path / "rows.csv", f"input,output\n问,答\n{text}"))[1]
    assert good.value == GOOD
    assert bad.fault
    assert not bad.unread


def test_a_quote_that_is_not_waited_for_says_that_more_follows(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.csv", 'input,output\n问,答\n"a,' + "x" * 50 + "\n" + "问,答\n" * 50)
    with mock.patch.object(table_records, "MAX_ROW", 40):
        (_, bad) = records_of(path)[1]
    assert bad.unread


def test_bytes_of_another_encoding_cost_one_row(tmp_path: Path) -> None:
    good = "问,答\n".encode()
    path = write(tmp_path / "rows.csv", b"input,output\n" + good + b'"\xff\n",b\n' + good)
    assert seen(path) == [("2", GOOD), ("3", "bad_encoding"), ("5", GOOD)]


def test_a_byte_order_mark_of_a_joined_file_is_taken_off(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.csv", 'input,output\n\ufeff问,答\n"\ufeffa\n\ufeffb",\ufeffc')
    assert values(path) == [GOOD, {"input": "\ufeffa\n\ufeffb", "output": "\ufeffc"}]
    assert records_of(path)[0].repaired == {"bom"}


# --------------------------------------------------------------------------------------------- bad files


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("input,input\n", "two columns are called 'input'"), ("input,,output\n", "column 2 of the header has no name"),
        (",input\n1,x\n", "column 1 of the header has no name"), ('"input,output\n1,2\n', "the quote that opens in line 1 is not closed"),
        ("input,output\r1,2\r", "line ends are CR alone; convert them\n  next: write the file with LF"), ('"a"b,c\n', "is not CSV"),
    ],
)  # fmt: skip
def test_a_header_that_names_no_columns_is_refused(tmp_path: Path, header: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        seen(write(tmp_path / "rows.csv", header))


@pytest.mark.parametrize(
    ("header", "advice"),
    [
        ("input,input\n", "a name of its own"), ('"a"b,c\n', "each quote in them doubled"), ('"input,output\n1,2\n', "doubled"),
        ("input,output\r1,2\r", "LF or CR LF"), (b"\xff\xfc,output\n" + "问,答\n".encode() * 9, "data.encoding"),
    ],
)  # fmt: skip
def test_the_advice_about_a_header_fits_what_is_wrong_with_it(
    tmp_path: Path, header: str | bytes, advice: str
) -> None:
    said = refused(tmp_path, header)
    assert advice in said
    assert ("a name of its own" in said) == (header == "input,input\n")


def test_a_header_alone_has_no_rows(read: Read) -> None:
    assert read("input,output") == []


@pytest.mark.parametrize("text", ["", "\n\n", "\ufeff", "\ufeff \r\n"])
def test_a_table_without_a_header_is_empty(tmp_path: Path, text: str) -> None:
    assert "rows.csv: is empty" in refused(tmp_path, text)


@pytest.mark.parametrize("encoding", ["gb18030", "big5"])
def test_a_table_in_another_encoding_is_refused_and_the_encoding_named(tmp_path: Path, encoding: str) -> None:
    rows = "".join(f"{number}：房東不還押金怎麼辦，可以起訴嗎;依法處理\n" for number in range(9))
    for header in ("問題;回答\n", "input;output\n"):
        said = refused(tmp_path, (header + rows).encode(encoding))
        assert f"is not UTF-8; it looks like {encoding}" in said
    simple = "问题,回答\n房东不退押金怎么办,依法处理\n"
    assert "is not UTF-8; it looks like gb18030" in refused(tmp_path, simple.encode("gbk"))


def test_a_header_with_a_bad_byte_in_a_table_of_utf8(tmp_path: Path) -> None:
    data = b"\xff\xfc,output\n" + "问,答\n".encode() * 9
    assert "the header holds bytes of another encoding" in refused(tmp_path, data)


@pytest.mark.parametrize("block", [1, 3, 1000])
def test_a_long_line_is_not_waited_for(tmp_path: Path, block: int) -> None:
    path = write(tmp_path / "rows.csv", "input,output\n" + "x" * 9000)
    with (
        mock.patch.object(files, "BLOCK", block),
        mock.patch("loralab.data.lines.MAX_ROW", 3000),
        pytest.raises(DataError, match=r"rows.csv:2: the row that starts here is longer"),
    ):
        seen(path)
