"""One row of each shape as a conversation, and each way in which a row cannot be one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loralab.data.conversation import Conversation, Message
from loralab.data.formats import FORMATS, convert
from loralab.data.reasons import REASONS, REPAIRS, BadRow

S, U, A = "system", "user", "assistant"
NO_FIELDS: dict[str, str] = {}


def turns(value: Any, name: str = "auto", fields: dict[str, str] = NO_FIELDS) -> list[tuple[str, str]]:
    return [(m.role, m.content) for m in convert(value, name, fields)[0].messages]


def reason(value: Any, name: str = "auto", fields: dict[str, str] = NO_FIELDS) -> str:
    with pytest.raises(BadRow) as caught:
        convert(value, name, fields)
    return caught.value.reason


SHAPES = {
    "input/output": ({"input": "q", "output": "a"}, [(U, "q"), (A, "a")]),
    "alpaca": ({"instruction": "i", "input": "q", "output": "a"}, [(U, "i\nq"), (A, "a")]),
    "query/response": (
        {"query": "q", "response": "a", "history": [["h", "r"]]}, [(U, "h"), (A, "r"), (U, "q"), (A, "a")],
    ),
    "prompt/completion": ({"prompt": "q", "completion": "a"}, [(U, "q"), (A, "a")]),
    "question/answer": ({"question": "q", "answer": "a"}, [(U, "q"), (A, "a")]),
    "messages": ({"messages": [{"role": U, "content": "q"}, {"role": A, "content": "a"}]}, [(U, "q"), (A, "a")]),
    "conversations": (
        {"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]}, [(U, "q"), (A, "a")],
    ),
}  # fmt: skip


def test_every_shape_has_an_example() -> None:
    assert set(SHAPES) == set(FORMATS)


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_is_known_by_its_keys_and_read_in_full(name: str) -> None:
    row, expected = SHAPES[name]
    assert turns(row) == turns(row, name) == turns([row]) == expected
    assert convert(row, "auto", {})[1] == name
    assert convert(row, "auto", {})[2].used >= set(row)
    with_system = {**row, "system": "s"}
    assert turns(with_system) == [(S, "s"), *expected]
    assert "system" in convert(with_system, "auto", {})[2].used


@pytest.mark.parametrize("blank", ["", " ", "\u3000\u200b\ufeff", None])
def test_a_blank_system_message_or_input_is_none(blank: Any) -> None:
    row = {"instruction": "i", "input": blank, "output": "a", "system": blank}
    assert turns(row) == [(U, "i"), (A, "a")]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"system": "instruction", "question": "input", "answer": "output"}, [(S, "i"), (U, "q"), (A, "a")]),
        ({"system": "instruction"}, [(S, "i"), (U, "q"), (A, "a")]),
        ({"question": "input", "answer": "instruction"}, [(U, "q"), (A, "i")]),
        ({"question": "input", "answer": "output", "system": "absent"}, [(U, "q"), (A, "a")]),
    ],
)
def test_fields_come_before_shapes(fields: dict[str, str], expected: list[tuple[str, str]]) -> None:
    assert turns({"instruction": "i", "input": "q", "output": "a"}, "auto", fields) == expected


def test_fields_may_name_the_messages() -> None:
    row = {"talk": [{"role": U, "content": "q"}, {"role": A, "content": "a"}], "output": "x", "input": "y"}
    assert turns(row, "auto", {"messages": "talk"}) == [(U, "q"), (A, "a")]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("text", "not_an_object"), (None, "not_an_object"), ([], "not_an_object"), ([{}, {}], "not_an_object"),
        ([["x"]], "not_an_object"), ({}, "missing_field"), ({"inptu": "q", "output": "a"}, "missing_field"),
        ({"input": "q"}, "missing_field"), ({"\ud800": "q", "output": "a"}, "missing_field"),
        ({"input": " ", "output": "a"}, "empty_question"), ({"input": None, "output": "a"}, "empty_question"),
        ({"input": "q", "output": "\u200b\n"}, "empty_answer"), ({"input": True, "output": "a"}, "wrong_type"),
        ({"input": ["q"], "output": "a"}, "wrong_type"), ({"input": "q", "output": {"x": 1}}, "wrong_type"),
        ({"input": "\ud83d", "output": "a"}, "bad_unicode"), ({"input": "q", "output": "a\udcff"}, "bad_unicode"),
        ({"input": "q", "output": "a", "question": "q", "answer": "a"}, "ambiguous"),
        ({"instruction": "i", "output": "a", "history": "x"}, "wrong_type"),
        ({"instruction": "i", "output": "a", "history": [["x"]]}, "wrong_type"),
        ({"messages": "[]"}, "wrong_type"), ({"messages": ["x"]}, "wrong_type"), ({"messages": []}, "no_answer_turn"),
        ({"messages": [{"content": "q"}]}, "missing_field"), ({"messages": [{"role": U}]}, "missing_field"),
        ({"messages": [{"role": U, "content": "q"}]}, "no_answer_turn"),
        ({"messages": [{"role": "assitant", "content": "q"}]}, "bad_role"),
        ({"messages": [{"role": [], "content": "q"}]}, "bad_role"),
        ({"messages": [{"role": {}, "content": "q"}]}, "bad_role"),
        ({"messages": [{"role": None, "content": "q"}]}, "bad_role"),
        ({"messages": [{"role": A, "content": "a"}]}, "role_order"),
        ({"messages": [{"role": U, "content": "q"}, {"role": U, "content": "q"}]}, "role_order"),
        ({"messages": [{"role": U, "content": "q"}, {"role": S, "content": "s"}]}, "role_order"),
        ({"messages": [{"role": U, "content": "q"}, {"role": "tool", "content": "x"}]}, "tool_turn"),
        ({"messages": [{"role": U, "content": "q"}, {"role": A, "content": None, "tool_calls": [{}]}]}, "tool_turn"),
        ({"messages": [{"role": U, "content": [{"type": "text", "text": "q"}]}]}, "wrong_type"),
    ],
)  # fmt: skip
def test_why_a_row_cannot_be_used(row: Any, expected: str) -> None:
    assert reason(row) == expected


def test_a_named_shape_needs_its_keys() -> None:
    assert reason({"input": "q", "output": "a"}, "alpaca") == "missing_field"
    assert reason({"input": "q"}, "auto", {"question": "input", "answer": "output"}) == "missing_field"


def test_a_misspelt_field_or_role_is_told_with_the_nearest() -> None:
    with pytest.raises(BadRow, match="'input'; is 'inptu' misspelt"):
        convert({"inptu": "q", "output": "a"}, "auto", {})
    with pytest.raises(BadRow, match="did you mean 'assistant'"):
        convert({"messages": [{"role": "assitant", "content": "q"}]}, "auto", {})
    with pytest.raises(BadRow, match="has no 'role'"):
        convert({"messages": [{"content": "q"}]}, "auto", {})


@pytest.mark.parametrize(
    ("row", "repairs"),
    [
        ({"input": "q", "output": "a"}, set()), ({"input": "q", "output": 5}, {"number_to_text"}),
        ({"input": "q \n", "output": "a"}, {"trailing_space"}), ({"input": "e\u0301", "output": "a"}, {"unicode_nfc"}),
        ({"conversations": [{"from": "human", "value": "q"}, {"from": "GPT", "value": "a"}]}, {"role_alias"}),
        ({"input": "\ufb01 \u2460", "output": "a"}, set()),
    ],
)  # fmt: skip
def test_repairs_are_noted(row: Any, repairs: set[str]) -> None:
    assert convert(row, "auto", {})[2].repairs == repairs
    assert repairs <= set(REPAIRS)


KEYS = st.sampled_from(
    [*(k for s in FORMATS.values() for k in s.needs), "system", "history", "role", "content", "from", "value"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(), max_size=4)
    | st.sampled_from(["user", "assistant", "system", "tool", "human"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(VALUES | st.dictionaries(KEYS, VALUES, max_size=4), st.sampled_from(["auto", *FORMATS]))
def test_any_value_is_a_conversation_or_a_reason(value: Any, name: str) -> None:
    try:
        conversation, _, _ = convert(value, name, {})
    except BadRow as bad:
        assert bad.reason in REASONS
        assert bad.detail.text("zh")
        return
    roles = [m.role for m in conversation.messages if m.role != S]
    assert roles == [U, A] * (len(roles) // 2)
    assert all(m.content.strip() for m in conversation.messages)


TEXTS = st.text(st.characters(codec="utf-8", categories=["L", "N", "P"]), min_size=1, max_size=8)


@given(st.none() | TEXTS, st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=4))
def test_messages_come_out_as_they_went_in(system: str | None, pairs: list[tuple[str, str]]) -> None:
    talk = Conversation(
        (*([Message("system", system)] if system else []),
         *(m for q, a in pairs for m in (Message("user", q), Message("assistant", a))))
    )  # fmt: skip
    row = {"messages": [{"role": m.role, "content": m.content} for m in talk.messages]}
    once = convert(row, "auto", {})[0]
    again = convert({"messages": [vars(m) for m in once.messages]}, "auto", {})
    assert again[0] == once
    assert not again[2].repairs
    assert len(once.messages) == len(talk.messages)
