"""Bytes as text: the encoding named, another one that is recognised, and single rows that do not decode."""

from __future__ import annotations

import gzip
import json
import shlex
import subprocess
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doubles.data_files import ROW, seen, values, write
from loralab.data import encodings, files
from loralab.data.encodings import decoded, encoding_name
from loralab.errors import EXIT_DATA, DataError

VALUE = json.loads(ROW)
LONG = json.dumps(
    {"input": "租房到期后房东不退押金怎么办？", "output": "协商不成可以起诉。"}, ensure_ascii=False
)
ENCODINGS = [
    "utf-8", "utf-8-sig", "gb18030", "gbk", "big5", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "shift_jis", "euc_kr",
    "iso2022_jp", "latin-1", "ascii", "cp037", "utf-7",
]  # fmt: skip


def refused(path: Path, encoding: str = "utf-8") -> str:
    with pytest.raises(DataError) as caught:
        seen(path, encoding)
    assert caught.value.exit_code == EXIT_DATA
    return str(caught.value)


# -------------------------------------------------------------------------------------- the one that is named


@pytest.mark.parametrize(
    "shape", [f"{ROW}\n{ROW}\n", f"[{ROW},\n{ROW}]", f"[{ROW},{ROW}]", "input,output\n问,答\n问,答\n"]
)
@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "gb18030", "GBK", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf_8"],
)
@pytest.mark.parametrize("block", [1, 3, 1 << 18])
def test_a_file_in_the_encoding_that_was_named(tmp_path: Path, shape: str, encoding: str, block: int) -> None:
    path = write(
        tmp_path / ("rows.csv" if shape.startswith("input") else "rows.json"), shape.encode(encoding)
    )
    with mock.patch.object(files, "BLOCK", block):
        assert values(path, encoding) == [VALUE, VALUE]


@pytest.mark.parametrize("name", ["gbk", "GB2312", "cp936", "euc-cn"])
def test_a_file_that_is_called_gbk_may_hold_what_only_gb18030_has(tmp_path: Path, name: str) -> None:
    value = {"input": "䶮、㐀、𠀀 · — 镕", "output": "€"}
    path = write(tmp_path / "rows.json", json.dumps(value, ensure_ascii=False).encode("gb18030"))
    assert values(path, name) == [value]


def test_gb18030_reads_all_that_is_gbk_as_gbk_does() -> None:
    pairs = [bytes((first, second)) for first in range(0x81, 0xFF) for second in range(0x40, 0xFF)]
    texts = {pair: pair.decode("gbk", "ignore") for pair in pairs}
    whole = {pair: text for pair, text in texts.items() if len(text) == 1 and text.encode("gbk") == pair}
    assert len(whole) > 20_000
    assert all(pair.decode("gb18030") == text for pair, text in whole.items())


def test_characters_that_hold_the_byte_of_a_newline(tmp_path: Path) -> None:
    value = {"input": "\u0a0a\u010a\u0d0a", "output": "\u0a00"}
    text = json.dumps(value, ensure_ascii=False) + "\n"
    for encoding in ("utf-16", "utf-16-be", "utf-32-le"):
        assert values(write(tmp_path / "rows.json", (text * 2).encode(encoding)), encoding) == [value, value]


@given(
    st.binary(max_size=60) | st.text(max_size=30).map(lambda t: t.encode("utf-8", "surrogatepass")),
    st.integers(1, 7),
)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_text_does_not_depend_on_where_blocks_end(encoding: str, data: bytes, size: int) -> None:
    blocks = [data[at : at + size] for at in range(0, len(data), size)]
    assert "".join(decoded(blocks, encoding)) == "".join(decoded([data], encoding))


@given(st.binary(max_size=40))
def test_no_byte_is_lost_in_decoding(data: bytes) -> None:
    for encoding in ("utf-8", "ascii"):
        assert "".join(decoded([data], encoding)).encode(encoding, "surrogateescape") == data


@pytest.mark.parametrize(
    "name", ["no-such", "hex", "rot13", "undefined", "punycode", "idna", "unicode_escape", "", "a\0b", "中"]
)
def test_what_is_no_encoding_of_text_files(tmp_path: Path, name: str) -> None:
    with pytest.raises(LookupError):
        seen(write(tmp_path / "rows.jsonl", ROW), name)
    with pytest.raises(LookupError):
        encoding_name(name)


# ------------------------------------------------------------------------------------- another one throughout


@pytest.mark.parametrize(
    ("written", "named"),
    [
        ("gbk", "gb18030"), ("utf-16", "utf-16"), ("utf-16-le", "utf-16-le"), ("utf-16-be", "utf-16-be"),
        ("utf-32", "utf-32"), ("utf-32-le", "utf-32-le"), ("utf-32-be", "utf-32-be"),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "text", [ROW, f"[{ROW},\n{ROW}]", f"[{ROW},{ROW}]", LONG * 30, json.dumps({"input": "q"})]
)
def test_a_file_in_another_encoding_is_refused_and_the_encoding_named(
    tmp_path: Path, written: str, named: str, text: str
) -> None:
    if written == "gbk" and text.isascii():
        return
    said = refused(write(tmp_path / "rows.json", text.encode(written)))
    assert f"is not UTF-8; it looks like {named}\n" in said
    assert f"next: set data.encoding: {named}, or convert it: iconv -f" in said


@pytest.mark.parametrize("written", ["gb18030", "utf-16", "utf-16-le", "utf-32-be", "big5"])
@pytest.mark.parametrize("name", ["my rows.json", "it's.jsonl", "rows", "数据.jsonl.gz"])
def test_the_advice_works(tmp_path: Path, written: str, name: str) -> None:
    row = json.dumps(
        {"input": "房東不還押金怎麼辦？可以起訴嗎", "output": "依法處理，先協商後起訴"}, ensure_ascii=False
    )
    data = f"{row}\n{row}\n".encode(written)
    path = write(tmp_path / name, gzip.compress(data) if name.endswith(".gz") else data)
    advice = refused(path).split("next: ")[1]
    named, _, command = advice.partition(", or convert it: ")
    expected = [json.loads(row)] * 2
    assert values(path, named.removeprefix("set data.encoding: ")) == expected
    subprocess.run(["sh", "-c", command], check=True, timeout=60)
    assert values(Path(shlex.split(command)[-1])) == expected


@pytest.mark.parametrize(
    "named", ["ascii", "gb18030", "latin-1", "utf-16", "utf-16-be", "utf-32", "big5", "shift_jis", "cp1252"]
)
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_a_utf8_file_under_another_encoding_is_not_converted_to_itself(
    tmp_path: Path, named: str, bom: str
) -> None:
    said = refused(write(tmp_path / "rows.jsonl", bom + f"{LONG}\n{LONG}\n"), named)
    assert f": is not {encoding_name(named).upper()}" in said
    assert "; it looks like utf-8\n" in said
    assert "next: leave data.encoding out" in said


def test_a_short_utf8_file_under_ascii(tmp_path: Path) -> None:
    assert "is not ASCII; it looks like utf-8\n  next: leave data.encoding out" in refused(
        write(tmp_path / "a.json", ROW), "ascii"
    )


def test_an_ascii_file_is_read_under_any_encoding_that_holds_ascii(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.json", '{"input": "q", "output": "a"}')
    for encoding in ("ascii", "latin-1", "gb18030", "big5", "shift_jis", "utf-8-sig"):
        assert values(path, encoding) == [{"input": "q", "output": "a"}]


def test_two_byte_orders_are_not_mixed_up(tmp_path: Path) -> None:
    for written, other in (("utf-16-be", "utf-16-le"), ("utf-16-le", "utf-16-be")):
        path = write(tmp_path / "rows.json", ROW.encode(written))
        assert f"it looks like {written}" in refused(path, other)
        assert values(path, "utf-16") == [VALUE]
        path = write(tmp_path / "rows.json", ("\ufeff" + ROW).encode(written))
        assert "it looks like utf-16" in refused(path, other)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Où est le café où l'été a été passé ?", "latin-1"), ("Größe müßte schön", "cp1252"), ("¿Qué año, señor?", "latin-1"),
        ("Это русский текст", "cp1251"), ("Это русский текст", "koi8-r"), ("契約の解除について教えてください", "shift_jis"),
    ],
)  # fmt: skip
def test_other_text_is_not_taken_for_chinese(tmp_path: Path, text: str, encoding: str) -> None:
    row = json.dumps({"input": text}, ensure_ascii=False).encode(encoding)
    assert seen(write(tmp_path / "rows.json", (row + b"\n") * 2)) == [
        ("1", "bad_encoding"),
        ("2", "bad_encoding"),
    ]


def test_a_wrong_encoding_is_known_before_the_end_of_a_large_file(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.json", (LONG + "\n").encode("gbk") * 300)
    read: list[bytes] = []
    with (
        mock.patch.object(encodings, "ENOUGH", 20),
        mock.patch.object(files, "BLOCK", 1000),
        mock.patch(
            "loralab.data.records.data_blocks",
            lambda p, u: files.data_blocks(p, lambda b: (u(b), read.append(b))),
        ),
    ):
        assert "it looks like gb18030" in refused(path)
    assert sum(map(len, read)) < path.stat().st_size // 2


def test_bytes_that_are_no_text_are_said_to_be_none(tmp_path: Path) -> None:
    data = bytes((i * i * 7 + i // 3) % 256 for i in range(2000))
    assert "is not a text file" in refused(write(tmp_path / "rows.json", data))


# --------------------------------------------------------------------------------------- a few rows of another


@pytest.mark.parametrize("bad", [b'"\xff\xfe"', b'"\xe4\xb8"', b'"\xed\xa0\x80"', b'"ok", "x": "\x80"'])
def test_a_line_with_bytes_of_another_encoding_is_one_bad_row(tmp_path: Path, bad: bytes) -> None:
    row = ROW.encode()
    broken = b'{"input": ' + bad + b"}"
    shapes = {"123": (b"", b"\n", b""), "1 2 3": (b"[", b",\n", b"]"), "#1 #2 #3": (b"[", b",", b"]")}
    for places, (start, between, end) in shapes.items():
        path = write(tmp_path / "rows.json", start + between.join([row, broken, row]) + end)
        one, two, three = places.split() if " " in places else places
        assert seen(path) == [(one, VALUE), (two, "bad_encoding"), (three, VALUE)]


def test_some_rows_of_gbk_in_a_file_of_utf8_are_bad_rows(tmp_path: Path) -> None:
    lines = [ROW.encode()] * 6
    lines[1] = lines[4] = ROW.encode("gbk")
    found = seen(write(tmp_path / "rows.json", b"\n".join(lines)))
    assert [place for place, value in found if value == "bad_encoding"] == ["2", "5"]
    assert [value for _, value in found].count(VALUE) == 4


def test_a_bad_row_of_gbk_in_a_file_of_gbk_is_a_bad_row(tmp_path: Path) -> None:
    lines = [LONG.encode("gbk")] * 5
    lines[2] = b'{"input": "\xff\xff"}'
    path = write(tmp_path / "rows.json", b"\n".join(lines))
    assert [place for place, value in seen(path, "gbk") if value == "bad_encoding"] == ["3"]


def test_half_a_pair_in_utf16_costs_one_row(tmp_path: Path) -> None:
    row = (ROW + "\n").encode("utf-16-le")
    broken = '{"input": "'.encode("utf-16-le") + b"\x3d\xd8" + '"}\n'.encode("utf-16-le")
    path = write(tmp_path / "rows.json", row + broken + row + b"\x00")
    assert seen(path, "utf-16-le") == [
        ("1", VALUE),
        ("2", "bad_encoding"),
        ("3", VALUE),
        ("4", "bad_encoding"),
    ]


def test_an_element_with_a_bad_byte_in_a_line_of_its_own_is_not_kept_without_it(tmp_path: Path) -> None:
    text = b'[{"input": "a",\n"system": "\xff",\n"output": "b"},\n' + ROW.encode() + b"]"
    assert seen(write(tmp_path / "rows.json", text)) == [("1", "bad_encoding"), ("4", VALUE)]


def test_a_file_whose_only_line_has_a_bad_byte_is_not_called_empty(tmp_path: Path) -> None:
    assert seen(write(tmp_path / "rows.json", b'{"input": "\xff\x80\x81"}')) == [("1", "bad_encoding")]


def test_zero_bytes_in_a_row_do_not_make_it_utf16(tmp_path: Path) -> None:
    for hole in (b"\0", b"\0" * 500):
        path = write(
            tmp_path / "rows.json", b"\n".join([ROW.encode(), b'{"input": "' + hole + b'"}', ROW.encode()])
        )
        assert seen(path) == [("1", VALUE), ("2", "bad_json"), ("3", VALUE)]
