"""Ids that depend on what a row says, and the keys by which rows are compared."""

from __future__ import annotations

import random
import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from made_rows import ANY_TEXT, FEW_TEXTS, content_id, conversations, talk

from loralab.data.conversation import (
    Conversation,
    Message,
    Row,
    copy_key,
    pack,
    plain,
    question_key,
    text_key,
    unpack,
)
from loralab.data.rows import Rows


def ids(texts: list[str]) -> list[str]:
    return Rows.of(talk(text) for text in texts).ids()


@given(st.lists(st.sampled_from("abcd"), max_size=12), st.randoms(use_true_random=False))
def test_ids_are_unique_and_do_not_depend_on_position(texts: list[str], chance: random.Random) -> None:
    numbered = ids(texts)
    assert len(set(numbered)) == len(numbered)
    assert all(re.fullmatch(r"[0-9a-f]{16}(-[2-9]|-1[0-9])?", i) for i in numbered)
    shuffled = texts.copy()
    chance.shuffle(shuffled)
    assert sorted(ids(shuffled)) == sorted(numbered)


def test_the_id_is_that_of_every_word_and_role() -> None:
    words = [("q",), ("q", "b"), ("p",), ("q", "a", "s"), ("q\n", "a")]
    assert len({content_id(talk(*w)) for w in words}) == 5


def test_an_id_stays_the_same_from_version_to_version() -> None:
    assert ids(["问"]) == [content_id(talk("问"))]
    assert content_id(talk("问", "答")) == "820b82ec4adc3661"


@given(conversations(ANY_TEXT))
def test_an_id_is_the_hash_of_roles_and_texts_as_json(conversation: Conversation) -> None:
    assert Rows.of([conversation])[0].id == content_id(conversation)


@given(conversations(ANY_TEXT))
@example(Conversation((Message("user", '"\\/\b\t\x7f\x85\u2028\ufeff𠮷'),)))
def test_what_is_packed_is_unpacked_equal(conversation: Conversation) -> None:
    assert unpack(pack(conversation)) == conversation


@given(conversations(FEW_TEXTS), conversations(FEW_TEXTS))
def test_only_equal_conversations_are_packed_alike(one: Conversation, other: Conversation) -> None:
    assert (pack(one) == pack(other)) == (one == other)


@pytest.mark.parametrize("other", ["怎么办?", "怎 么 办？", "怎么办", "怎\u3000么办！", " 怎么办。"])
def test_questions_are_compared_without_spaces_and_punctuation(other: str) -> None:
    assert question_key(talk(other)) == question_key(talk("怎么办？"))
    assert copy_key(talk(other)) != copy_key(talk("怎么办？"))


def test_questions_differ_by_letters_and_digits() -> None:
    assert len({question_key(talk(q)) for q in ("怎么办1", "怎么办2", "怎么", "？", "！")}) == 5
    assert question_key(talk("ＡＢc")) == question_key(talk("abC"))


def in_one_go(text: str) -> str:
    """The key of a text, said in one line."""
    normal = unicodedata.normalize("NFKC", text).lower()
    return "".join(c for c in normal if unicodedata.category(c)[0] not in "ZPC") or text


# what a shorter way could get wrong: texts of plain characters with one among them that joins its neighbour
NEIGHBOURS = st.text(
    st.sampled_from("aＡ１。，？…·—（）法か \n\u0301\u0338\u3099゛ﾞカ①㍿ﬁÅΣİß각\u1100\u1161‗‾")
)


@given(st.text() | NEIGHBOURS)
@example("ΑΣ。")
@example("a，\u0301")
@example("。、")
def test_the_key_of_a_text_is_what_its_definition_says(text: str) -> None:
    assert text_key(text) == in_one_go(text)


@given(conversations(NEIGHBOURS))
def test_the_question_of_a_conversation_is_all_that_the_user_says(conversation: Conversation) -> None:
    said = "\n".join(m.content for m in conversation.messages if m.role == "user")
    assert question_key(conversation) == in_one_go(said)


def test_a_system_message_makes_no_other_question_and_no_other_copy() -> None:
    assert question_key(talk("q", "a", "s")) == question_key(talk("q"))
    assert copy_key(talk("q", "a", "s")) == copy_key(talk("q"))
    assert copy_key(talk("q", "b")) != copy_key(talk("q"))


def test_an_answer_that_is_not_trained_on_makes_another_row_but_a_copy() -> None:
    untrained = Conversation((Message("user", "q"), Message("assistant", "a", trained=False)))
    assert content_id(untrained) != content_id(talk("q"))
    assert copy_key(untrained) == copy_key(talk("q"))


@given(conversations(ANY_TEXT))
def test_a_row_in_messages_format_marks_the_answers_that_are_not_trained_on(
    conversation: Conversation,
) -> None:
    turns = plain(conversation)["messages"]
    assert Row("i", conversation, "f", "f:1", 0).plain() == {"messages": turns}
    back = tuple(Message(t["role"], t["content"], t.get("train", True)) for t in turns)
    assert Conversation(back) == conversation
    assert all(t.get("train") in (None, False) for t in turns)


def test_a_row_keeps_its_own_system_message() -> None:
    own = talk("q", "a", "own")
    assert own.with_system("other") == own
    assert talk("q").with_system("") == talk("q").with_system(None) == talk("q")
    assert talk("q").with_system("s").messages[0] == Message("system", "s")


def test_the_parts_of_a_conversation() -> None:
    two = Conversation((*talk("q1", "a1", "s").messages, *talk("q2", "a2").messages))
    assert (two.question, two.answer) == ("q2", "a2")
    assert two.prompt == two.messages[:-1]
    asked = Conversation(two.prompt)
    assert (asked.question, asked.answer, asked.prompt) == ("q2", "", two.prompt)
