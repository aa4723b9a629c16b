"""Counts over kept and dropped rows."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from loralab.data.conversation import Conversation, Dropped, Message, Row, content_id
from loralab.data.reasons import REASONS, REPAIRS
from loralab.data.report import (
    DataReport,
    TokenCounts,
    count_copies,
    count_reasons,
    count_repairs,
    dropped_line,
)
from loralab.words import say


def row(question: str, answer: str) -> Row:
    talk = Conversation((Message("user", question), Message("assistant", answer)))
    return Row(content_id(talk), talk, "f", "f:1", 0)


PAIRS = st.lists(st.tuples(st.sampled_from(["q", "Q!", "p"]), st.sampled_from("ab")), max_size=15)


@given(PAIRS)
def test_duplicates_are_the_rows_beyond_the_first_of_each_kind(pairs: list[tuple[str, str]]) -> None:
    duplicates, conflicts = count_copies(row(q, a) for q, a in pairs)
    assert duplicates == len(pairs) - len(set(pairs))
    answers = {key: {a for q, a in pairs if q.lower().strip("!") == key} for key in ("q", "p")}
    assert conflicts == sum(len(found) > 1 for found in answers.values())


@given(st.lists(st.integers(1, 500), min_size=1, max_size=120))
@example(list(range(1, 21)))
@example(list(range(1, 101)))
def test_percentiles_are_nearest_ranks(lengths: list[int]) -> None:
    counts = TokenCounts(lengths, 3).to_dict()
    assert sum(n <= counts["p95"] for n in lengths) >= math.ceil(0.95 * len(lengths))
    assert sum(n < counts["p95"] for n in lengths) < math.ceil(0.95 * len(lengths))
    assert sum(n <= counts["median"] for n in lengths) * 2 >= len(lengths)
    assert sum(n < counts["median"] for n in lengths) * 2 < len(lengths)
    assert (counts["max"], counts["total"], counts["label_total"]) == (max(lengths), sum(lengths), 3)


def test_no_rows_have_no_tokens() -> None:
    assert set(TokenCounts([], 0).to_dict().values()) == {0}


def test_token_fields_need_a_model() -> None:
    without = DataReport((), 3, 2, {}, {"bad_json": 1}, 0, 0, 0).to_dict()
    assert "tokens" not in without
    assert (without["cut"], without["cut_answers"]) == (0, 0)
    with_tokens = DataReport((), 3, 2, {}, {"bad_json": 1}, 0, 0, 0, {}, TokenCounts([5], 2, 1, 1)).to_dict()
    assert (with_tokens["cut"], with_tokens["tokens"]["total"]) == (1, 5)


@given(st.lists(st.sampled_from(REASONS), max_size=20))
def test_reasons_are_counted_in_the_order_of_the_list(reasons: list[str]) -> None:
    counts = count_reasons(Dropped("f", "f:1", reason, say("is empty"), None) for reason in reasons)
    assert list(counts) == [reason for reason in REASONS if reason in reasons]
    assert sum(counts.values()) == len(reasons)


@given(st.lists(st.sampled_from(REPAIRS), max_size=20))
def test_repairs_are_counted_in_the_order_of_the_list(repairs: list[str]) -> None:
    counts = count_repairs(Counter(repairs))
    assert list(counts) == [repair for repair in REPAIRS if repair in repairs]
    assert counts == Counter(repairs)


def test_a_repair_that_is_not_on_the_list_is_a_bug_of_ours() -> None:
    with pytest.raises(AssertionError):
        count_repairs({"new_kind": 1})


def test_a_dropped_row_names_its_line_or_its_number() -> None:
    at_line = dropped_line(Dropped("a:b/f", "a:b/f:12", "bad_json", say("is empty"), "x"))
    assert at_line == {"file": "a:b/f", "line": 12, "reason": "bad_json", "detail": "is empty", "row": "x"}
    assert dropped_line(Dropped("f", "f:#3", "bad_json", say("is empty"), None))["line"] == "#3"
