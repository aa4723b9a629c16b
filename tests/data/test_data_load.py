"""Data files as rows: whatever the bytes, every record is a row or a dropped one with its reason."""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from doubles.shared_data import needs_shared_data, real_files
from loralab.config import Slice
from loralab.config.schema import DataConfig, DataSource
from loralab.data.conversation import Dropped
from loralab.data.load import Loaded, load_rows, refuse_bad_rows
from loralab.data.reasons import REASONS, REPAIRS
from loralab.data.report import dropped_line
from loralab.data.rows import PROBES, TEST, TRAIN
from loralab.data.text import is_blank
from loralab.errors import DataError, UsageError, UserError
from loralab.run.files import dump_json
from loralab.words import say

ROW = b'{"input": "\xe9\x97\xae", "output": "\xe7\xad\x94"}'
PARTS = [
    ROW, b"\n", b"[", b"]", b",", b"{", b"}", b'"', b":", b"\r\n", b"\xff", b"\xef\xbb\xbf", b"\0", b'"input"', b"NaN", b"null",
    b"9" * 5000, b"[" * 3000, b'{"messages": [{"role": [], "content": 1}]}', b'"\\ud800"', b"\xce\xca", b" ", b"1e999", b'"output"',
]  # fmt: skip


def load(path: Path, **settings: Any) -> Loaded:
    return load_rows(DataConfig(train=(str(path),), **settings))


@given(
    st.binary(max_size=80) | st.lists(st.sampled_from(PARTS), max_size=12).map(b"".join),
    st.sampled_from(["utf-8", "gb18030", "utf-16", "ascii"]),
    st.sampled_from([".json", ".jsonl.gz", ".csv", ".parquet"]),
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
    found = loaded.found
    assert found.read == len(loaded.rows) + len(found.dropped) == found.records
    assert {d.reason for d in found.dropped} <= set(REASONS)
    for dropped in found.dropped:
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
    loaded = load(path).found
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
    every = load_rows(DataConfig(train=tuple(paths)))
    assert (every.found.records, every.found.read, len(every.rows)) == (12, 12, 10)
    some = load_rows(DataConfig(train=tuple(paths)), [Slice(1, 4), Slice(8, 9)])
    assert (some.found.records, some.found.read) == (12, 4)
    assert [r.position for r in some.rows] == [1, 3]
    assert [d.place for d in some.found.dropped] == [f"{paths[0]}:3", f"{paths[1]}:3"]
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
        refuse_bad_rows(load(path).found.dropped, say("no such file"))
    lines = str(caught.value).splitlines()
    assert [line.split(": ")[0] for line in lines[:20]] == [f"{path}:{n}" for n in range(1, 21)]
    assert lines[20:] == ["5 more bad rows", "  next: no such file"]


def test_no_bad_rows_are_no_error() -> None:
    refuse_bad_rows([], say("no such file"))
    with pytest.raises(DataError, match="f:1: bad_json: no such file\n  next: is empty"):
        refuse_bad_rows([Dropped("f", "f:1", "bad_json", say("no such file"), lambda: None)], say("is empty"))


@pytest.mark.parametrize("settings", [{"encoding": "no-such"}, {"encoding": "hex"}, {"format": "alpace"}])
def test_settings_that_name_nothing(tmp_path: Path, settings: dict[str, str]) -> None:
    (tmp_path / "a.json").write_bytes(ROW)
    with pytest.raises(UsageError, match=r"data\.(encoding|format) is"):
        load(tmp_path / "a.json", **settings)


def test_a_dropped_row_is_kept_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"input": ["\\ud800"], "output": 1}\n{"input": "q"', "utf-8")
    first, second = load(path).found.dropped
    assert first.row() == {"input": ["\ud800"], "output": 1}
    assert second.row() == '{"input": "q"'


def test_the_parts_are_told_apart_and_sources_numbered(tmp_path: Path) -> None:
    for name in "abtp":
        row = {"input": name, "output": "x"} if name != "p" else {"input": name}
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(row), "utf-8")
    a, b, t, p = (str(tmp_path / f"{name}.jsonl") for name in "abtp")
    loaded = load_rows(DataConfig(train=(a, DataSource(b, 2.0)), test=t, probes=p))
    assert [[r.conversation.question for r in loaded.part(n)] for n in (TRAIN, TEST, PROBES)] == [
        ["a", "b"], ["t"], ["p"],
    ]  # fmt: skip
    assert loaded.rows.column("source").tolist() == [0, 1, -1, -1]
    assert (loaded.found.read, loaded.found.records) == (4, 2)


def test_a_test_row_needs_an_answer(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"input": "q"}', "utf-8")
    loaded = load_rows(DataConfig(train=(), test=str(path)))
    assert [d.reason for d in loaded.found.dropped] == ["missing_field"]


@needs_shared_data
@pytest.mark.parametrize("file", real_files("lawyer_llama/*.json"), ids=lambda path: path.name)
def test_real_files_lose_no_row(file: Path, tmp_path: Path) -> None:
    loaded = load(file)
    values = json.loads(file.read_text("utf-8-sig"))
    assert loaded.found.read == len(values) == len(loaded.rows) + len(loaded.found.dropped)
    assert {d.reason for d in loaded.found.dropped} <= {"role_order"}  # two rows with two answers in a row
    lines = file.read_bytes().decode("utf-8-sig").split("\n")
    for row in loaded.rows[:50]:
        assert lines[int(row.place.rpartition(":")[2]) - 1].strip()
    copy = tmp_path / "copy.jsonl"
    copy.write_text("\n".join(json.dumps(row.plain(), ensure_ascii=False) for row in loaded.rows), "utf-8")
    assert load(copy).rows.ids() == loaded.rows.ids()


REAL_SHAPES = {
    "lawyer_llama/fakao_gpt4.*.json": "input/output",
    "lawyer_llama/judical_examination.*.json": "alpaca",
    "lawyer_llama/legal_advice.*.json": "alpaca",
    "lawyer_llama/legal_counsel_multi_turn_*.json": "query/laws/history",
    "lawyer_llama/legal_counsel_with_article_*.json": "query/laws/response",
    "lawyer_llama/zixun_gpt4.*.json": "query/laws/response",
    "disc/qa_short_answer.sample.json": "input/output",
    "disc/datasets_objective/*.csv": "input/choices/output",
    "lawbench/data_zero_shot/*.json": "instruction/question/answer",
}


@needs_shared_data
@pytest.mark.parametrize(("pattern", "shape"), REAL_SHAPES.items())
def test_real_files_are_of_the_shape_that_they_are(pattern: str, shape: str) -> None:
    for file in real_files(pattern):
        found = load(file).found
        assert found.files[0].shapes.keys() == {shape}
        assert found.files[0].rows == found.read


def test_a_list_of_one_row_is_that_row(tmp_path: Path) -> None:
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    one.write_bytes(b"[" + ROW + b"]\n" + ROW)
    two.write_bytes(ROW)
    assert load(one).rows[0].conversation == load(two).rows[0].conversation


ANY_TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)


def repaired(text: str) -> str:
    """What the named repairs of a text make of it: unicode_nfc, then trailing_space."""
    return unicodedata.normalize("NFC", text).rstrip()


@given(
    st.lists(st.tuples(ANY_TEXT, ANY_TEXT), min_size=1, max_size=8),
    st.sampled_from([("input", "output"), ("question", "answer"), ("query", "response"), ("instruction", "output")]),
    st.sampled_from(["\n", "\r\n"]), st.sampled_from(["", "\ufeff"]), st.booleans(),
)  # fmt: skip
def test_text_that_survives_is_that_of_the_file_but_for_the_named_repairs(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[str, str]], keys: tuple[str, str], end: str, bom: str, escape: bool,
) -> None:  # fmt: skip
    path = tmp_path_factory.getbasetemp() / "texts.jsonl"
    lines = [json.dumps(dict(zip(keys, pair, strict=True)), ensure_ascii=escape) for pair in pairs]
    path.write_text(bom + end.join(lines), "utf-8", newline="")
    loaded = load(path)
    whole = [not is_blank(q) and not is_blank(a) for q, a in pairs]
    texts = [(row.conversation.question, row.conversation.answer) for row in loaded.rows]
    assert texts == [(repaired(q), repaired(a)) for (q, a), kept in zip(pairs, whole, strict=True) if kept]
    assert {d.reason for d in loaded.found.dropped} <= {"empty_question", "empty_answer"}
    kept_pairs = [pair for pair, kept in zip(pairs, whole, strict=True) if kept]
    counts = loaded.found.repaired
    normal = [any(unicodedata.normalize("NFC", t) != t for t in pair) for pair in kept_pairs]
    assert counts["unicode_nfc"] == sum(normal)
    assert counts["bom"] == bool(bom) and counts["number_to_text"] == 0
