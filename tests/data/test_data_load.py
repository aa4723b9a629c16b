"""Data files as rows: whatever the bytes, every record is a row or a dropped one with its reason."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from loralab.config import Slice
from loralab.config.schema import DataConfig
from loralab.data.conversation import Dropped
from loralab.data.load import Loaded, expand, load_rows, refuse_bad_rows
from loralab.data.reasons import REASONS, REPAIRS
from loralab.data.report import dropped_line
from loralab.errors import DataError, UsageError, UserError
from loralab.run.files import dump_json
from loralab.words import say

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "lawyer_llama"
ROW = b'{"input": "\xe9\x97\xae", "output": "\xe7\xad\x94"}'
PARTS = [
    ROW, b"\n", b"[", b"]", b",", b"{", b"}", b'"', b":", b"\r\n", b"\xff", b"\xef\xbb\xbf", b"\0", b'"input"', b"NaN", b"null",
    b"9" * 5000, b"[" * 3000, b'{"messages": [{"role": [], "content": 1}]}', b'"\\ud800"', b"\xce\xca", b" ", b"1e999", b'"output"',
]  # fmt: skip


def load(path: Path, **settings: Any) -> Loaded:
    return load_rows([str(path)], DataConfig(**settings))


@given(
    st.binary(max_size=80) | st.lists(st.sampled_from(PARTS), max_size=12).map(b"".join),
    st.sampled_from(["utf-8", "gb18030", "utf-16", "ascii"]),
    st.sampled_from([".json", ".jsonl.gz"]),
)
@example(b"[" + ROW + b",\n\xff,\n" + ROW + b"]", "utf-8", ".json")
@example(b'[{"a": {"b": 1, "b": 2}, "c": ' + b"9" * 5000 + b"}]", "utf-8", ".json")
@example(b'[{"a": {"b": 1, "b": 2}, "c": ' + b"[" * 3000, "utf-8", ".json")
def test_any_bytes_end_in_rows_and_dropped_rows_or_a_user_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, encoding: str, suffix: str
) -> None:
    path = tmp_path_factory.getbasetemp() / f"any{suffix}"
    path.write_bytes(data)
    try:
        loaded = load(path, encoding=encoding)
    except UserError as error:
        assert error.text("zh")
        return
    assert loaded.read == len(loaded.rows) + len(loaded.dropped) == loaded.records
    assert {d.reason for d in loaded.dropped} <= set(REASONS)
    for dropped in loaded.dropped:
        assert dump_json(dropped_line(dropped)).encode("utf-8")
    for row in loaded.rows:
        assert json.dumps(row.plain(), ensure_ascii=False).encode("utf-8")


def test_a_report_counts_repairs_unused_keys_and_shapes(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    lines = [
        '{"input": "a ", "output": 1, "id": 7}', '{"question": "b", "answer": "c", "id": 8, "\\ud800": 1}',
        "not JSON", '{"input": "d", "output": "e"}',
    ]  # fmt: skip
    path.write_text("\ufeff" + "\r\n".join(lines), "utf-8", newline="")
    loaded = load(path)
    assert loaded.repaired == Counter(bom=1, crlf=1, trailing_space=1, number_to_text=1)
    assert set(loaded.repaired) <= set(REPAIRS)
    assert loaded.unused_keys == Counter({"id": 2, "\\ud800": 1})
    assert (loaded.files[0].rows, loaded.files[0].format) == (4, "input/output, question/answer")
    assert [(d.place, d.reason) for d in loaded.dropped] == [(f"{path}:3", "bad_json")]


def test_positions_count_over_all_files_and_slices_look_at_no_more(tmp_path: Path) -> None:
    for name in "ab":
        lines = [json.dumps({"input": f"{name}{i}", "output": "x"}) for i in range(5)]
        (tmp_path / f"{name}.jsonl").write_text("\n".join([*lines[:2], "bad", *lines[2:]]), "utf-8")
    paths = [str(tmp_path / "a.jsonl"), str(tmp_path / "b.jsonl")]
    every = load_rows(paths, DataConfig())
    assert (every.records, every.read, len(every.rows)) == (12, 12, 10)
    some = load_rows(paths, DataConfig(), [Slice(1, 4), Slice(8, 9)])
    assert (some.records, some.read) == (12, 4)
    assert [r.position for r in some.rows] == [1, 3]
    assert [d.place for d in some.dropped] == [f"{paths[0]}:3", f"{paths[1]}:3"]
    assert {r.id for r in some.rows} == {r.id for r in every.rows if r.position in (1, 3)}


@given(st.permutations([f"q{i}" for i in range(6)] + ["q0"]))
def test_ids_do_not_depend_on_position(tmp_path_factory: pytest.TempPathFactory, order: list[str]) -> None:
    path = tmp_path_factory.getbasetemp() / "order.jsonl"
    path.write_text("\n".join(json.dumps({"input": q, "output": "a"}) for q in order), "utf-8")
    ids = {(row.conversation.question, row.id) for row in load(path).rows}
    path.write_text("\n".join(json.dumps({"query": q, "response": "a"}) for q in sorted(order)), "utf-8")
    assert ids == {(row.conversation.question, row.id) for row in load(path).rows}


def test_every_bad_row_is_named_up_to_a_number(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("x\n" * 25, "utf-8")
    with pytest.raises(DataError) as caught:
        refuse_bad_rows(load(path).dropped, say("no such file"))
    lines = str(caught.value).splitlines()
    assert [line.split(": ")[0] for line in lines[:20]] == [f"{path}:{n}" for n in range(1, 21)]
    assert lines[20:] == ["5 more bad rows", "  next: no such file"]


def test_no_bad_rows_are_no_error() -> None:
    refuse_bad_rows([], say("no such file"))
    with pytest.raises(DataError, match="f:1: bad_json: no such file\n  next: is empty"):
        refuse_bad_rows([Dropped("f", "f:1", "bad_json", say("no such file"), None)], say("is empty"))


# ------------------------------------------------------------------------------------------------- paths


def test_paths_patterns_and_folders(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a.json", "sub/c.jsonl", "notes.md", "[x].json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(ROW)
    (tmp_path / "d.json").mkdir()

    def names(text: str) -> list[str]:
        return [str(p.relative_to(tmp_path)) for p in expand([str(tmp_path / text)])]

    assert names("notes.md") == ["notes.md"]
    assert names("[x].json") == ["[x].json"]
    assert names("") == ["[x].json", "a.json", "b.jsonl"]
    assert names("?.json*") == ["a.json", "b.jsonl"]
    assert names("**/*.jsonl") == ["b.jsonl", "sub/c.jsonl"]


def test_a_folder_drops_no_file_without_a_word(tmp_path: Path) -> None:
    for name in ("a.jsonl", "B.JSONL", "c.txt", "deeper/d.jsonl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(ROW)
    (tmp_path / "E.JSON.GZ").write_bytes(gzip.compress(ROW))
    loaded = load(tmp_path)
    assert [Path(f.path).name for f in loaded.files] == ["B.JSONL", "E.JSON.GZ", "a.jsonl"]
    assert len(loaded.rows) == 3
    assert loaded.passed_over == [tmp_path / "c.txt", tmp_path / "deeper"]
    assert load(tmp_path / "a.jsonl").passed_over == []


@pytest.mark.parametrize("name", ["b.csv", "b.TSV", "b.parquet"])
def test_a_folder_does_not_pass_over_data_that_is_not_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.jsonl").write_bytes(ROW)
    (tmp_path / name).write_bytes(b"input,output\nq,a\n")
    with pytest.raises(DataError, match=f"{name}: .*files are not read by this version"):
        load(tmp_path)


@pytest.mark.parametrize("text", ["no.json", "*.json", "/a/**b", "x" * 5000, "a\0b", "folder"])
def test_a_path_that_names_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(UsageError):
        expand([text])


def test_the_second_of_two_paths_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(ROW)
    with pytest.raises(UsageError, match=r"b\.json: no such data file"):
        expand([str(tmp_path / "a.json"), str(tmp_path / "b.json")])


@pytest.mark.parametrize("settings", [{"encoding": "no-such"}, {"encoding": "hex"}, {"format": "alpace"}])
def test_settings_that_name_nothing(tmp_path: Path, settings: dict[str, str]) -> None:
    (tmp_path / "a.json").write_bytes(ROW)
    with pytest.raises(UsageError, match=r"data\.(encoding|format) is"):
        load(tmp_path / "a.json", **settings)


# ---------------------------------------------------------------------------------------------- real files


@pytest.fixture(params=sorted(p.name for p in SHARED.glob("*.json")) or ["absent"])
def real_file(request: pytest.FixtureRequest) -> Path:
    if not SHARED.is_dir():
        pytest.skip("the shared data are not here")
    return SHARED / str(request.param)


def test_real_files_lose_no_row(real_file: Path, tmp_path: Path) -> None:
    loaded = load(real_file)
    values = json.loads(real_file.read_text("utf-8-sig"))
    assert loaded.read == len(values) == len(loaded.rows) + len(loaded.dropped)
    unknown = "history" in str(list(values[0]))  # query, laws and history: a shape that is not read
    assert Counter(d.reason for d in loaded.dropped) == ({"missing_field": len(values)} if unknown else {})
    lines = real_file.read_bytes().decode("utf-8-sig").split("\n")
    for row in loaded.rows[:50]:
        assert lines[int(row.place.rpartition(":")[2]) - 1].strip()
    copy = tmp_path / "copy.jsonl"
    copy.write_text(
        "\n".join(json.dumps(row.plain(), ensure_ascii=False) for row in loaded.rows) or "{}", "utf-8"
    )
    assert [row.id for row in load(copy).rows] == [row.id for row in loaded.rows]


@pytest.fixture
def write(tmp_path: Path) -> Callable[[bytes], Path]:
    def write(data: bytes) -> Path:
        path = tmp_path / "rows.jsonl"
        path.write_bytes(data)
        return path

    return write


def test_a_list_of_one_row_is_that_row(write: Callable[[bytes], Path]) -> None:
    assert (
        load(write(b"[" + ROW + b"]\n" + ROW)).rows[0].conversation == load(write(ROW)).rows[0].conversation
    )
