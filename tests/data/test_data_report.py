"""Counts over kept and dropped rows."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from made_rows import FEW, talk

from loralab.data.conversation import Conversation, Dropped, Message, question_key
from loralab.data.reasons import REASONS, REPAIRS
from loralab.data.report import (
    DataReport,
    FileInfo,
    TokenCounts,
    count_copies,
    count_reasons,
    count_repairs,
    dropped_line,
)
from loralab.data.rows import Rows
from loralab.words import say

PAIRS = st.lists(st.tuples(st.sampled_from(["q", "Q!", "p"]), st.sampled_from("ab")), max_size=15)


@given(PAIRS)
def test_duplicates_are_the_rows_beyond_the_first_of_each_kind(pairs: list[tuple[str, str]]) -> None:
    duplicates, conflicts = count_copies(Rows.of(talk(q, a) for q, a in pairs))
    assert duplicates == len(pairs) - len(set(pairs))
    answers = {key: {a for q, a in pairs if q.lower().strip("!") == key} for key in ("q", "p")}
    assert conflicts == sum(len(found) > 1 for found in answers.values())


@given(FEW)
def test_copies_and_conflicts_of_any_conversations(talks: list[Conversation]) -> None:
    kinds: set[tuple[tuple[str, str], ...]] = set()
    answers: dict[str, set[str]] = {}
    for conversation in talks:
        kinds.add(tuple((m.role, m.content) for m in conversation.messages if m.role != "system"))
        if conversation.answer:  # a probe may lack it: that is no second answer
            answers.setdefault(question_key(conversation), set()).add(conversation.answer)
    conflicts = sum(len(found) > 1 for found in answers.values())
    assert count_copies(Rows.of(talks)) == (len(talks) - len(kinds), conflicts)


def test_a_row_taken_twice_is_a_copy_of_itself() -> None:
    rows = Rows.of([talk("q"), talk("p")])
    assert count_copies(rows.take(np.array([0, 1, 0]))) == (1, 0)


def test_an_answer_that_is_not_trained_on_is_an_answer_all_the_same() -> None:
    untrained = Conversation((Message("user", "q"), Message("assistant", "b", trained=False)))
    assert count_copies(Rows.of([talk("q"), untrained])) == (0, 1)


def counts_of(lengths: list[int], *more: int) -> TokenCounts:
    return TokenCounts(np.array(lengths, np.int64), np.ones(len(lengths), np.int32), *more)


@given(st.lists(st.integers(1, 500), min_size=1, max_size=120))
@example(list(range(1, 21)))
@example(list(range(1, 101)))
def test_percentiles_are_nearest_ranks(lengths: list[int]) -> None:
    counts = counts_of(lengths).to_dict()
    assert sum(n <= counts["p95"] for n in lengths) >= math.ceil(0.95 * len(lengths))
    assert sum(n < counts["p95"] for n in lengths) < math.ceil(0.95 * len(lengths))
    assert sum(n <= counts["median"] for n in lengths) * 2 >= len(lengths)
    assert sum(n < counts["median"] for n in lengths) * 2 < len(lengths)
    expected = (max(lengths), sum(lengths), len(lengths))
    assert (counts["max"], counts["total"], counts["label_total"]) == expected


def test_no_rows_have_no_tokens() -> None:
    assert set(counts_of([]).to_dict().values()) == {0}


def test_many_long_rows_do_not_overflow() -> None:
    counts = TokenCounts(np.full(3, 2**31 - 1, np.int32), np.full(3, 2**31 - 1, np.int32)).to_dict()
    assert counts["total"] == counts["label_total"] == 3 * (2**31 - 1)


def report(**more: Any) -> DataReport:
    return DataReport((), 3, 2, {}, {"bad_json": 1}, 0, 0, 0, **more)


def test_token_fields_need_a_model() -> None:
    without = report().to_dict()
    assert "tokens" not in without
    assert (without["cut"], without["cut_answers"]) == (0, 0)
    with_tokens = report(tokens=counts_of([5, 7], 1, 4, 1)).to_dict()
    assert (with_tokens["cut"], with_tokens["cut_answers"], with_tokens["tokens"]["total"]) == (1, 1, 12)
    assert (with_tokens["tokens"]["cut_labels"], with_tokens["tokens"]["cut_ends"]) == (4, 1)


def test_the_report_holds_the_keys_of_the_contract_and_what_a_closer_look_found() -> None:
    file = FileInfo("law.jsonl", "ab", 3, "qa", "jsonl", {"qa": 2})
    full = DataReport(
        (file,), 3, 2, {"bom": 1}, {"bad_json": 1}, 4, 5, 6, {"year": 2}, more={"mixture": []}
    ).to_dict()
    assert full == {
        "files": [{"path": "law.jsonl", "sha256": "ab", "rows": 3, "format": "qa", "kind": "jsonl", "shapes": {"qa": 2}}],
        "read": 3, "kept": 2, "repaired": {"bom": 1}, "dropped": {"bad_json": 1}, "cut": 0, "cut_answers": 0,
        "duplicates": 4, "conflicts": 5, "overlap": 6, "unused_keys": {"year": 2}, "mixture": [],
    }  # fmt: skip


def test_the_report_is_json() -> None:
    everything = report(tokens=counts_of([5], 1, 1, 1)).to_dict()
    assert json.loads(json.dumps(everything)) == everything


@given(st.lists(st.sampled_from(REASONS), max_size=20))
def test_reasons_are_counted_in_the_order_of_the_list(reasons: list[str]) -> None:
    counts = count_reasons(Dropped("f", "f:1", reason, say("is empty"), dict) for reason in reasons)
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
    at_line = dropped_line(Dropped("a:b/f", "a:b/f:12", "bad_json", say("is empty"), lambda: "x"))
    assert at_line == {"file": "a:b/f", "line": 12, "reason": "bad_json", "detail": "is empty", "row": "x"}
    assert dropped_line(Dropped("f", "f:#3", "bad_json", say("is empty"), dict))["line"] == "#3"


def test_a_dropped_row_is_read_when_it_is_written() -> None:
    read: list[int] = []
    item = Dropped("f", "f:1", "bad_json", say("is empty"), lambda: read.append(1))
    assert read == []
    dropped_line(item)
    assert read == [1]
