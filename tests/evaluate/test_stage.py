"""A stage: the same questions and answers in one order, also when it was broken off."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from loralab.data.conversation import Conversation, Message
from loralab.encode.template import read_template
from loralab.engine.base import Answer, Tick
from loralab.evaluate.questions import Question
from loralab.evaluate.stage import Asker, Prediction, make_asker, stop_ids
from loralab.model.tokenizer import load_tokenizer


class Parrot:
    """Answers with the last three tokens of the prompt, also what is known, and notes what was known."""

    name = "parrot"

    def __init__(self) -> None:
        self.asked: list[tuple[list[Sequence[int]], list[int]]] = []

    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        max_new_tokens: int,
        stop_ids: Sequence[int],
        tick: Tick,
        known: Collection[int] = (),
    ) -> Iterator[Answer]:
        self.asked.append((list(prompts), sorted(known)))
        for index, prompt in enumerate(prompts):
            tick()
            yield Answer(index, tuple(prompt[-3:]), "stop", 0.5)


@pytest.fixture(scope="module")
def template(tiny_model: Path) -> Any:
    return read_template(load_tokenizer(tiny_model))


@pytest.fixture
def asker(template: Any) -> Asker:
    lengths = (3, 40, 7, 7, 21)
    talks = [Conversation((Message("user", "问" * n), Message("assistant", "答"))) for n in lengths]
    questions = [Question(str(i), "test", False, talk) for i, talk in enumerate(talks)]
    return make_asker(
        questions,
        template,
        Parrot(),
        max_new_tokens=4,
        stop_ids=[258, 256, 258],
        special_tokens="refuse",
    )


def answers(asker: Asker, done: dict[str, Prediction] | None = None) -> tuple[list[Prediction], list[str]]:
    recorded: list[Prediction] = []
    result = asker.answer_all(done or {}, recorded.append, lambda: None)
    return result, [p["id"] for p in recorded]


def test_predictions_are_in_the_order_of_the_questions(asker: Asker) -> None:
    result, recorded = answers(asker)
    assert [p["id"] for p in result] == ["0", "1", "2", "3", "4"]
    assert recorded == ["1", "4", "2", "3", "0"], (
        "long ones go first, so that memory runs out early if it does"
    )
    assert result[0] == {
        "id": "0", "set": "test", "seen": False, "question": "问问问", "answer": "nt\n", "reference": "答",
        "prompt_tokens": len(asker.prompts[0]), "answer_tokens": 3, "finish_reason": "stop", "seconds": 0.5,
    }  # fmt: skip


def test_a_stage_that_was_broken_off_asks_the_same_and_keeps_what_it_has(asker: Asker) -> None:
    whole, _ = answers(asker)
    generator = asker.generator
    assert isinstance(generator, Parrot)
    kept = {p["id"]: p | {"answer": "kept"} for p in whole if p["id"] in ("1", "4", "2")}
    result, recorded = answers(asker, kept)
    assert recorded == ["3", "0"]
    (prompts, nothing), again = generator.asked
    assert nothing == [] and again == (prompts, [0, 1, 2]), "by their places in what is asked"
    assert [p["answer"] == "kept" for p in result] == [False, True, True, False, True]


def test_a_stop_between_tokens_leaves_what_was_recorded(asker: Asker) -> None:
    recorded: list[Prediction] = []
    ticks = iter([None] * 4)
    with pytest.raises((StopIteration, RuntimeError)):
        asker.answer_all({}, recorded.append, lambda: next(ticks))
    assert [p["id"] for p in recorded] == ["1", "4", "2", "3"]


def test_what_stops_an_answer(template: Any) -> None:
    assert stop_ids(template, "template") == [template.end_id]
    assert stop_ids(template, "pad") == sorted({template.end_id, template.pad_id})


def test_stop_tokens_are_given_once_and_sorted(asker: Asker) -> None:
    assert asker.stop_ids == (256, 258)
