"""Questions that are asked, found again in rows: which, where, and how close."""

from __future__ import annotations

import json

import pytest

from loralab.data.conversation import Conversation, Message
from loralab.data.formats import convert
from loralab.data.overlap import find_near_copies, find_overlap, overlap_report, user_texts
from loralab.data.rows import Rows

LONG = "租赁合同到期以后房东一直不退还押金并且已经联系不上了应当怎么办才好"


def talk(*texts: str) -> Conversation:
    roles = ("user", "assistant") * len(texts)
    return Conversation(tuple(Message(r, t) for r, t in zip(roles, texts, strict=False)))  # type: ignore[arg-type]


def test_the_closest_row_of_each_asked_question_is_listed() -> None:
    rows = Rows.of(
        [talk("别的问题", "a"), talk(LONG[:-6], "a"), talk("前言。" + LONG, "a"), talk(LONG[4:], "b")]
    )
    found = find_overlap(["问题并不在这里面的另一个完全不同的长问题", LONG + "？"], rows)
    assert [(p.asked, p.row, p.share) for p in found.pairs] == [(1, 2, 1.0)]
    assert (found.found, found.rows, found.asked) == ([1], 3, 2)


def test_every_turn_of_the_user_counts_and_no_answer_does() -> None:
    assert find_overlap([LONG], Rows.of([talk("q", "a", LONG, "b")])).found == [0]
    assert find_overlap([LONG], Rows.of([talk("q", LONG)])).found == []


@pytest.mark.parametrize("key", ["laws", "reference"])
def test_a_statute_that_two_questions_share_makes_them_not_the_same(key: str) -> None:
    """Their laws, joined to the questions, were compared with them."""
    names = {"laws": ("query", "response"), "reference": ("input", "output")}[key]

    def row(question: str) -> Conversation:
        return convert({names[0]: question, key: [LONG * 3], names[1]: "a"}, "auto", {})[0]

    one, other = row("离婚后孩子归谁？"), row("继承人可以放弃继承吗？")
    assert LONG in one.question
    assert user_texts(one) == ["离婚后孩子归谁？"]
    assert find_overlap(user_texts(one), Rows.of([other])).found == []
    assert find_overlap(user_texts(one), Rows.of([row("离婚后，孩子归谁")])).found == [0]


def test_a_row_that_stands_twice_in_an_epoch_is_one_row() -> None:
    rows = Rows.of([talk(LONG, "a")])
    assert find_overlap([LONG], rows.take([0, 0, 0])).rows == 1  # type: ignore[arg-type]


def test_the_report_says_in_which_set_a_row_is() -> None:
    rows = Rows.of([talk(LONG, "a"), talk("q", "a")])
    for name, in_training in (("train", 1), ("test", 0), ("probe", 0)):
        report = overlap_report(find_overlap([LONG], rows), ["b.json:3"], rows, {0: name})
        assert (report["asked"], report["found"], report["found_in_training"]) == (1, 1, in_training)
        (pair,) = report["pairs"]
        assert pair == {"item": 0, "place": "b.json:3", "row": "memory:1", "share": 1.0, "set": name}
        assert json.dumps(report)


def test_rows_that_nearly_repeat_others_are_grouped() -> None:
    text = "".join(chr(0x4E00 + 7 * i) for i in range(200))
    rows = Rows.of([talk(text, "a"), talk("q", "another answer"), talk(text[:-1], "a"), talk(text, "a")])
    found = find_near_copies(rows)
    assert (found["groups"], found["rows"]) == (1, 2)
    assert found["examples"] == [["memory:1", "memory:3", "memory:4"]]
    assert find_near_copies(rows[:2])["groups"] == 0
