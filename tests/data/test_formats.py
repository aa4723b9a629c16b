"""One row of each shape as a conversation, and each way in which a row cannot be one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loralab.data.conversation import Conversation, Message, plain
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
    "conversation": ({"conversation": [{"human": "q", "assistant": "a"}]}, [(U, "q"), (A, "a")]),
    "prompt/response": ({"prompt": "q", "response": "a"}, [(U, "q"), (A, "a")]),
    "instruction/response": ({"instruction": "q", "response": "a"}, [(U, "q"), (A, "a")]),
    "instruction/context/response": (
        {"instruction": "i", "context": "c", "response": "a"}, [(U, "i\nc"), (A, "a")],
    ),
    "instruction/input/answer": ({"instruction": "i", "input": "q", "answer": "a"}, [(U, "i\nq"), (A, "a")]),
    "instruction/question/answer": ({"instruction": "i", "question": "q", "answer": "a"}, [(U, "i\nq"), (A, "a")]),
    "query/laws/response": (
        {"query": "q", "laws": ["l", "m"], "response": "a"}, [(U, "q\n\n参考法条：\nl\nm"), (A, "a")],
    ),
    "query/laws/history": (
        {"query": "q", "laws": ["l"], "history": ["[客户] q", "[律师] a", "[客户] p", "[律师] b"]},
        [(U, "q\n\n参考法条：\nl"), (A, "a"), (U, "p"), (A, "b")],
    ),
    "input/reference/output": (
        {"input": "q", "reference": ["r"], "output": "a"}, [(U, "q\n\n参考信息：\nr"), (A, "a")],
    ),
    "input/choices/output": (
        {"input": "q", "A": "x", "B": "y", "C": "", "output": "a"}, [(U, "q\nA.x\nB.y"), (A, "a")],
    ),
    "question/choices/answer": (
        {"question": "q", "A": "x", "B": "y", "answer": "a"}, [(U, "q\nA.x\nB.y"), (A, "a")],
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
        ({"messages": [{"role": U, "content": [{"type": "image_url", "image_url": "q"}]}]}, "wrong_type"),
        ({"messages": [{"role": U, "content": [{"type": "text", "text": 1}]}]}, "wrong_type"),
        ({"messages": [{"role": U, "content": "q"}, {"role": A, "content": "a", "train": False}]}, "no_answer_turn"),
        ({"messages": [{"role": U, "content": "q"}, {"role": A, "content": "a", "train": "no"}]}, "wrong_type"),
        ({"messages": [{"role": U, "content": "q", "train": True}, {"role": A, "content": "a"}]}, "wrong_type"),
        ({"messages": [{"role": U, "content": "q"}, {"role": A, "content": "a", "weight": True}]}, "wrong_type"),
        ({"messages": [{"role": U, "content": "q"}, {"role": A, "content": "a", "weight": 1, "loss": False}]}, "wrong_type"),
        ({"prompt": "q", "chosen": "a", "rejected": "b"}, "missing_field"), ({"text": "all of it"}, "missing_field"),
        ({"prompt": "q", "completion": "a", "rejected": "b"}, "missing_field"),
        ({"query": "q", "laws": ["l"], "history": ["[路人] q", "[律师] a"]}, "bad_role"),
        ({"query": "q", "laws": ["l"], "history": ["[律师] a", "[客户] q"]}, "role_order"),
        ({"query": "q", "laws": ["l"], "history": ["[客户] q", "[律师] a", "[律师] b"]}, "role_order"),
        ({"query": "q", "laws": ["l"], "history": ["[客户] q"]}, "no_answer_turn"),
        ({"query": "q", "laws": ["l"], "history": ["[客户] other", "[律师] a"]}, "ambiguous"),
        ({"query": "q", "laws": {"l": 1}, "response": "a"}, "wrong_type"),
        ({"input": "q", "query": "q", "output": "a", "response": "a"}, "ambiguous"),
        ({"messages": [], "conversations": []}, "ambiguous"),
        ({"prompt": "q", "completion": "a", "label": True}, "missing_field"), ({"prompt": [], "completion": [], "label": False}, "missing_field"),
    ],
)  # fmt: skip
def test_why_a_row_cannot_be_used(row: Any, expected: str) -> None:
    assert reason(row) == expected


@pytest.mark.parametrize(
    ("row", "shape"),
    [
        ({"input": "q", "output": "a", "reference": None}, "input/output"),
        ({"input": "q", "output": "a", "reference": []}, "input/output"),
        ({"query": "q", "response": "a", "laws": [], "history": []}, "query/response"),
        ({"input": "", "instruction": "q", "output": "a", "history": None}, "alpaca"),
        ({"instruction": "q", "context": "", "response": "a"}, "instruction/response"),
        ({"input": "q", "output": "a", "A": "", "B": None}, "input/output"),
        ({"messages": [{"role": U, "content": "q"}, {"role": A, "content": "a"}], "prompt": "q"}, "messages"),
    ],
)  # fmt: skip
def test_what_is_empty_makes_no_other_shape(row: Any, shape: str) -> None:
    _, found, out = convert(row, "auto", {})
    assert found == shape
    assert {key for key, value in row.items() if not value} <= out.used


def test_ambiguous_rows_name_the_candidates() -> None:
    with pytest.raises(BadRow, match="input/output, question/answer"):
        convert({"input": "q", "output": "a", "question": "q", "answer": "a"}, "auto", {})


@pytest.mark.parametrize("flag", [{"train": False}, {"loss": False}, {"weight": 0}])
def test_an_answer_may_be_marked_as_not_trained_on(flag: dict[str, Any]) -> None:
    talk = [{"role": U, "content": "q"}, {"role": A, "content": "a"} | flag, {"role": U, "content": "p"}]
    row = {"messages": [*talk, {"role": A, "content": "b", "train": True}]}
    assert [m.trained for m in convert(row, "auto", {})[0].messages] == [True, False, True, True]


def test_turns_of_a_prompt_are_not_trained_on() -> None:
    row = {
        "prompt": [{"role": U, "content": "q"}, {"role": A, "content": "a"}, {"role": U, "content": "p"}],
        "completion": [{"role": A, "content": "b"}],
    }
    assert [m.trained for m in convert(row, "auto", {})[0].messages] == [True, False, True, True]


@pytest.mark.parametrize(
    "row", [{"question": "q"}, {"input": "q"}, {"messages": [{"role": U, "content": "q"}]}]
)
def test_a_question_may_lack_its_answer_where_none_is_needed(row: Any) -> None:
    assert [(m.role, m.content) for m in convert(row, "auto", {}, answer=False)[0].messages] == [(U, "q")]
    with pytest.raises(BadRow):
        convert(row, "auto", {})


def test_keys_within_turns_that_are_not_used_are_named() -> None:
    row = {"messages": [{"role": U, "content": "q", "name": "x"}, {"role": A, "content": "a", "id": 1}]}
    assert convert(row, "auto", {})[2].unused == {"messages[].name", "messages[].id"}


def test_parts_of_a_content_are_one_text() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert turns({"messages": [{"role": U, "content": parts}, {"role": A, "content": "c"}]}) == [
        (U, "ab"),
        (A, "c"),
    ]


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"type": "text"}, r"messages#1\.content: a part has no text"), ({"type": "text", "text": None}, "a part has no text"),
        ({"text": "a"}, "a part has no type"), ({}, "a part has no type"), ({"type": "text", "text": 1}, "must be text, found int"),
        ({"type": "image_url"}, "text parts only, found image_url"), ("a", "text parts only, found str"),
        ({"type": 5, "text": "a"}, "text parts only, found int"), ({"type": "\ud800"}, r"found \\ud800"),
    ],
)  # fmt: skip
def test_a_part_that_is_not_whole_is_not_said_to_be_of_another_kind(part: Any, said: str) -> None:
    with pytest.raises(BadRow, match=f"wrong_type: .*{said}"):
        convert({"messages": [{"role": U, "content": [part]}, {"role": A, "content": "a"}]}, "auto", {})


@pytest.mark.parametrize("label", ["True", 1, None, "criminal law"])
def test_a_label_that_is_no_verdict_is_a_key_like_any_other(label: Any) -> None:
    row = {"prompt": "q", "completion": "a", "label": label}
    _, shape, out = convert(row, "auto", {})
    assert shape == "prompt/completion"
    assert "label" not in out.used


def test_a_row_with_a_verdict_is_not_trained_on() -> None:
    """An answer labelled as bad was trained on."""
    with pytest.raises(BadRow, match="KTO"):
        convert({"prompt": "q", "completion": "a", "label": False}, "auto", {})
    with pytest.raises(BadRow, match="KTO"):
        convert({"prompt": "q", "completion": "a", "kto_tag": False}, "auto", {})


def test_a_named_shape_needs_its_keys() -> None:
    assert reason({"input": "q", "output": "a"}, "alpaca") == "missing_field"
    assert reason({"input": "q"}, "auto", {"question": "input", "answer": "output"}) == "missing_field"


def test_a_misspelt_field_or_role_is_told_with_the_nearest() -> None:
    with pytest.raises(BadRow, match="'input'; is 'inptu' misspelt"):
        convert({"inptu": "q", "output": "a"}, "auto", {})
    with pytest.raises(BadRow, match="'question'; is 'Question' misspelt"):
        convert({"Question": "q", "Answer": "a"}, "auto", {})
    with pytest.raises(BadRow, match="'output'; is 'OUTPUT' misspelt"):
        convert({"input": "q", "OUTPUT": "a"}, "auto", {})
    with pytest.raises(BadRow, match="did you mean 'assistant'"):
        convert({"messages": [{"role": "assitant", "content": "q"}]}, "auto", {})
    with pytest.raises(BadRow, match="has no 'role'"):
        convert({"messages": [{"content": "q"}]}, "auto", {})


def test_a_field_that_is_no_misspelling_is_not_called_one() -> None:
    """A row of question and response was asked whether 'question' is 'conversation' misspelt."""
    with pytest.raises(BadRow) as caught:
        convert({"question": "q", "response": "a"}, "auto", {})
    assert str(caught.value.detail) == "has no field 'query'; its fields are: question, response"


@pytest.mark.parametrize(
    "row", [{"data": [{"input": "q", "output": "a"}]}, {"version": "1", "data": [{"x": 1}, {"x": 2}]}]
)
def test_rows_inside_another_object_are_said_to_stand_too_deep(row: Any) -> None:
    with pytest.raises(BadRow, match="the rows stand under 'data'; they must stand at the top level"):
        convert(row, "auto", {})


@pytest.mark.parametrize("value", [[], ["x"], [{}], [{"role": U, "content": "q"}], {"x": 1}])
def test_what_are_no_rows_is_not_called_so(value: Any) -> None:
    with pytest.raises(BadRow, match="its fields are: talk"):
        convert({"talk": value}, "auto", {})


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
    again = convert(plain(once), "auto", {})
    assert again[0] == once
    assert not again[2].repairs
    assert len(once.messages) == len(talk.messages)
