"""The frozen question set, and a fingerprint that changes with each of its parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from loralab.data.conversation import Conversation, Message, Row
from loralab.evaluate.questions import Question, fingerprint, freeze_questions


def row(name: str) -> Row:
    talk = Conversation((Message("user", f"question {name}"), Message("assistant", f"answer {name}")))
    return Row(name, talk, "file", "file:1", 0)


def frozen(
    test: str = "", probes: str = "", seen: str = "", system: str | None = None, answers: int = 0
) -> tuple[Question, ...]:
    return freeze_questions(map(row, probes), map(row, test), seen, system, answers)


def test_probes_come_first_then_the_first_test_rows() -> None:
    questions = frozen("cdef", "ab", answers=2)
    assert [(q.id, q.set) for q in questions] == [
        ("a", "probe"),
        ("b", "probe"),
        ("c", "test"),
        ("d", "test"),
    ]
    assert [q.id for q in frozen("cd", "ab")] == ["a", "b"]


def test_a_row_that_is_probe_and_test_is_asked_once() -> None:
    assert [q.id for q in frozen("bcd", "ab", answers=2)] == ["a", "b", "c"]


def test_probes_that_are_trained_on_are_marked() -> None:
    assert [q.seen for q in frozen("c", "ab", seen="a", answers=1)] == [
        True,
        False,
        False,
    ]


def test_the_system_prompt_is_part_of_what_is_asked() -> None:
    (question,) = frozen("", "a", system="be brief")
    assert [m.role for m in question.conversation.prompt] == ["system", "user"]
    assert (question.question, question.reference) == ("question a", "answer a")


BASE: dict[str, Any] = {
    "questions": frozen("", "ab", system="be brief"),
    "decoding": {"do_sample": False, "max_new_tokens": 8},
    "backend": "local", "metrics": ("rouge_l/1", "loss/1"), "template": "{{ x }}",
}  # fmt: skip


def changed_first(change: Callable[[Question], Question]) -> dict[str, Any]:
    first, *others = BASE["questions"]
    return {"questions": (change(first), *others)}


def talk(question: Question, *messages: Message) -> Question:
    return replace(question, conversation=Conversation(messages))


ANSWER, ASKED, SYSTEM = (
    Message("assistant", "answer a"),
    Message("user", "question a"),
    Message("system", "be brief"),
)
CHANGES: dict[str, tuple[str, dict[str, Any]]] = {
    "id": ("questions", changed_first(lambda q: replace(q, id="other"))),
    "order": ("questions", {"questions": BASE["questions"][::-1]}),
    "fewer": ("questions", {"questions": BASE["questions"][:1]}),
    "question": ("messages", changed_first(lambda q: talk(q, SYSTEM, Message("user", "?"), ANSWER))),
    "system": ("messages", changed_first(lambda q: talk(q, ASKED, ANSWER))),
    "reference": ("references", changed_first(lambda q: talk(q, SYSTEM, ASKED, Message("assistant", "no")))),
    "max_new_tokens": ("decoding", {"decoding": {"do_sample": False, "max_new_tokens": 9}}),
    "do_sample": ("decoding", {"decoding": {"do_sample": True, "max_new_tokens": 8}}),
    "backend": ("backend", {"backend": "http"}),
    "metrics": ("metrics", {"metrics": ("rouge_l/2", "loss/1")}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_each_part_changes_the_fingerprint_and_is_named(name: str) -> None:
    part, change = CHANGES[name]
    before, after = fingerprint(**BASE), fingerprint(**BASE | change)
    assert after["hash"] != before["hash"]
    assert part in {p for p in before["parts"] if before["parts"][p] != after["parts"][p]}


def test_equal_parts_give_an_equal_fingerprint() -> None:
    again = BASE | {"metrics": BASE["metrics"][::-1], "decoding": dict(reversed(BASE["decoding"].items()))}
    assert fingerprint(**again) == fingerprint(**BASE)


def test_the_template_stands_beside_the_fingerprint() -> None:
    before, after = fingerprint(**BASE), fingerprint(**BASE | {"template": "other"})
    assert after["hash"] == before["hash"] and after["template"] != before["template"]
