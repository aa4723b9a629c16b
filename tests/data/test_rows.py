"""A sequence of rows that gives back what was put into its table."""

from __future__ import annotations

import os
import tracemalloc
from collections import Counter
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_rows import ANY, FEW, asked, content_id, of_files, questions, talk

from loralab.data import spool
from loralab.data.conversation import Conversation, Message, copy_key, question_key
from loralab.data.rows import COLUMNS, PROBES, RECORD, RECORD_TYPE, TEST, TRAIN, Rows, RowTable
from loralab.errors import ResourceError


@given(ANY, st.integers(1, 400))
def test_any_conversations_are_read_back_equal_and_in_order(talks: list[Conversation], block: int) -> None:
    with mock.patch.object(spool, "BLOCK", block):
        rows = Rows.of(talks)
    assert [row.conversation for row in rows] == talks
    assert [rows.conversation(i) for i in range(len(talks))] == talks
    assert list(rows.conversations()) == talks
    assert len(rows) == len(talks)


@given(FEW)
def test_ids_are_the_hash_of_the_content_and_the_number_of_the_copy_in_order(
    talks: list[Conversation],
) -> None:
    seen: Counter[str] = Counter()
    expected = []
    for conversation in talks:
        plain = content_id(conversation)
        seen[plain] += 1
        expected.append(plain if seen[plain] == 1 else f"{plain}-{seen[plain]}")
    rows = Rows.of(talks)
    assert rows.ids() == expected
    assert [row.id for row in rows] == expected
    assert [rows.id_of(i) for i in range(len(rows))] == expected


@given(FEW)
def test_numbers_agree_where_texts_agree(talks: list[Conversation]) -> None:
    rows = Rows.of(talks)
    keys = {
        "content": [content_id(c) for c in talks], "question": [question_key(c) for c in talks],
        "talk": [copy_key(c) for c in talks], "answer": [c.answer for c in talks],
    }  # fmt: skip
    for name, values in keys.items():
        column = rows.column(name).tolist()
        assert len(set(column)) == len(set(values)) == len(set(zip(column, values, strict=True))), name


def test_a_system_message_within_a_conversation_makes_no_other_copy() -> None:
    odd = Conversation((Message("user", "q"), Message("system", "s"), Message("assistant", "a")))
    one, other = Rows.of([talk("q"), odd]).column("talk").tolist()
    assert one == other


def test_the_rank_of_a_question_goes_with_the_seed_and_not_with_its_answer() -> None:
    one, other, third = (
        Rows.of([talk("q")], 0), Rows.of([talk("Q？", "b", "s")], 0), Rows.of([talk("q")], 1),
    )  # fmt: skip
    assert one.column("question") == other.column("question")
    assert one.column("question") != third.column("question")


# ------------------------------------------------------------------------------------------- a part


INDICES = st.lists(st.integers(0, 9), max_size=20)


@given(INDICES)
def test_rows_may_be_taken_in_any_order_and_more_than_once(index: list[int]) -> None:
    every = asked([f"q{i}" for i in range(10)])
    taken = every.take(np.array(index, np.int64))
    assert questions(taken) == [f"q{i}" for i in index]
    assert taken.ids() == [every.id_of(i) for i in index]
    assert taken.places() == [f"memory:{i + 1}" for i in index]
    assert taken.column("position").tolist() == index
    assert [row.index for row in taken] == index
    assert list(taken) == [every[i] for i in index]
    assert questions(taken.where(taken.column("position") > 4)) == [f"q{i}" for i in index if i > 4]


@given(INDICES, st.slices(20))
def test_a_slice_of_rows_is_that_of_the_list(index: list[int], part: slice) -> None:
    rows = asked([f"q{i}" for i in range(10)]).take(np.array(index, np.int64))
    assert list(rows[part]) == list(rows)[part]
    assert list(rows.conversations()[part]) == [row.conversation for row in rows][part]


@given(INDICES, st.integers(-25, 25))
def test_a_position_is_that_of_the_list(index: list[int], at: int) -> None:
    rows = asked([f"q{i}" for i in range(10)]).take(np.array(index, np.int64))
    if -len(index) <= at < len(index):
        assert rows[at] == rows[np.int64(at)] == list(rows)[at]  # type: ignore[call-overload]
        assert rows.id_of(rows[at].index) == rows[at].id
        assert rows.conversations()[at] == rows[at].conversation
    else:
        with pytest.raises(IndexError):
            rows[at]


def test_a_row_is_in_the_rows_that_hold_it() -> None:
    every = asked(["a", "b", "c"])
    assert every[1] in every[1:]
    assert every[0] not in every[1:]
    assert "b" not in every
    assert asked(["x", "y", "z"])[1] not in every


def test_no_rows_are_rows_too() -> None:
    none = Rows.of([])
    assert (len(none), list(none), none.ids(), none.places()) == (0, [], [], [])
    assert (len(none[:3]), len(none.conversations())) == (0, 0)


# -------------------------------------------------------------------------------------------- places


def test_a_row_knows_its_file_its_line_and_its_shape() -> None:
    table = RowTable(0)
    for file, shape, line in (("a.jsonl", "qa", 7), ("b.parquet", "alpaca", None), ("c.json", "qa", None)):
        table.files.append(file)
        table.add(talk("q"), shape, position=len(table), number=3, line=line, part=TEST, source=-1)
    rows = table.rows()
    assert rows.places() == ["a.jsonl:7", "b.parquet:#3", "c.json:#3"]
    assert [rows.file(i) for i in range(3)] == ["a.jsonl", "b.parquet", "c.json"]
    assert [row.format for row in rows] == ["qa", "alpaca", "qa"]
    assert [(row.file, row.place, row.position) for row in rows[1:2]] == [("b.parquet", "b.parquet:#3", 1)]
    assert rows.column("source").tolist() == [-1] * 3


def test_copies_are_numbered_over_all_files() -> None:
    rows = of_files(["q", "p"], ["q"], test=["q"], probes=["p"])
    first, second = Rows.of([talk("q", "aq"), talk("p", "ap")]).ids()
    assert rows.ids() == [first, second, f"{first}-2", f"{first}-3", f"{second}-2"]
    assert rows.column("part").tolist() == [TRAIN, TRAIN, TRAIN, TEST, PROBES]


def test_a_row_far_into_large_files_keeps_its_place() -> None:
    table = RowTable(0)
    table.files.append("f")
    table.add(talk("q"), "", position=2**40, number=2**31 - 1, line=2**40)
    row = table.rows()[0]
    assert (row.position, row.place) == (2**40, f"f:{2**40}")


def test_a_table_returns_the_index_of_what_it_takes_until_its_rows_are_asked_for() -> None:
    table = RowTable(0)
    table.files.append("f")
    assert [table.add(talk(q), "", position=0) for q in "abc"] == [0, 1, 2]
    rows = table.rows()
    with pytest.raises(BufferError):
        table.add(talk("d"), "", position=0)
    assert questions(rows) == ["a", "b", "c"]


# -------------------------------------------------------------------------------------- all together


def test_the_key_of_rows_goes_with_their_contents_and_order_alone() -> None:
    key = asked(["a", "b"]).content_key()
    assert key == asked(["a", "b"], seed=1).content_key() == of_files(["a"], ["b"]).content_key()
    others = [asked(q).content_key() for q in (["b", "a"], ["a"], ["a", "b", "b"], ["a", "c"], [])]
    assert len({key, *others}) == 6
    assert asked(["a", "b", "a"])[:2].content_key() == key


def test_a_system_message_goes_in_front_of_conversations_without_one() -> None:
    talks = Rows.of([talk("q"), talk("q", "a", "own")]).conversations("s")
    assert [c.messages[0].content for c in talks] == ["s", "own"]
    assert [c.messages[0].content for c in talks[1:]] == ["own"]


def test_a_record_is_packed_as_it_is_read() -> None:
    assert RECORD.size == RECORD_TYPE.itemsize
    assert [RECORD_TYPE.fields[name][0].char for name in COLUMNS] == list(COLUMNS.values())  # type: ignore[index]


def test_a_row_takes_less_than_250_bytes_of_memory() -> None:
    number, text = 4000, "依法处理。" * 60  # 900 bytes of text
    tracemalloc.start()
    try:
        with mock.patch.object(spool, "BLOCK", 1 << 16):
            rows = Rows.of(talk(str(i), text) for i in range(number))
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert held < number * 250
    assert rows[number - 1].conversation == talk(str(number - 1), text)


def test_a_full_disk_ends_the_reading_of_rows_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(spool.tempfile, "TemporaryFile", refuse)
    with mock.patch.object(spool, "BLOCK", 100), pytest.raises(ResourceError, match="temporary file"):
        Rows.of(talk(str(i)) for i in range(100))
