"""Ids that depend on what a row says, and the keys by which rows are compared."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loralab.data.conversation import (
    Conversation,
    Message,
    Row,
    content_id,
    copy_key,
    number_copies,
    question_key,
)


def talk(question: str, answer: str = "a", system: str | None = None) -> Conversation:
    return Conversation((Message("user", question), Message("assistant", answer))).with_system(system)


def rows(texts: list[str]) -> list[Row]:
    return [
        Row(content_id(talk(text)), talk(text), "f", f"f:{number}", number)
        for number, text in enumerate(texts)
    ]


@given(st.lists(st.sampled_from("abcd"), max_size=12), st.randoms(use_true_random=False))
def test_ids_are_unique_and_do_not_depend_on_position(texts: list[str], chance: random.Random) -> None:
    numbered = number_copies(rows(texts))
    ids = [row.id for row in numbered]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[0-9a-f]{16}(-[2-9]|-1[0-9])?", i) for i in ids)
    shuffled = texts.copy()
    chance.shuffle(shuffled)
    assert sorted(r.id for r in number_copies(rows(shuffled))) == sorted(ids)


def test_the_id_is_that_of_every_word_and_role() -> None:
    ids = {content_id(talk(*words)) for words in [("q",), ("q", "b"), ("p",), ("q", "a", "s"), ("q\n", "a")]}
    assert len(ids) == 5


def test_an_id_stays_the_same_from_version_to_version() -> None:
    assert content_id(talk("问", "答")) == "820b82ec4adc3661"


@pytest.mark.parametrize("other", ["怎么办?", "怎 么 办？", "怎么办", "怎\u3000么办！", " 怎么办。"])
def test_questions_are_compared_without_spaces_and_punctuation(other: str) -> None:
    assert question_key(talk(other)) == question_key(talk("怎么办？"))
    assert copy_key(talk(other)) != copy_key(talk("怎么办？"))


def test_questions_differ_by_letters_and_digits() -> None:
    assert len({question_key(talk(q)) for q in ("怎么办1", "怎么办2", "怎么", "？", "！")}) == 5
    assert question_key(talk("ＡＢc")) == question_key(talk("abC"))


def test_a_system_message_makes_no_other_question_and_no_other_copy() -> None:
    assert question_key(talk("q", "a", "s")) == question_key(talk("q"))
    assert copy_key(talk("q", "a", "s")) == copy_key(talk("q"))
    assert copy_key(talk("q", "b")) != copy_key(talk("q"))


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
