"""The general check within a run: asked at every stage, scored apart from the run's own rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from loralab.evaluate.general.stage import general_questions, general_rows
from loralab.evaluate.heldout import answer_rows, summarise
from loralab.evaluate.verdict import verdict
from loralab.train import start as starting


def test_the_prompts_are_questions_whose_reference_is_their_rule() -> None:
    questions = general_questions("s")
    assert len(questions) == 24 and {q.set for q in questions} == {"general"}
    for question in questions:
        assert [m.role for m in question.conversation.prompt] == ["system", "user"]
        assert question.reference.startswith('{"rule"')


def test_answers_are_scored_by_rule_and_not_with_the_held_out_rows() -> None:
    question = next(q for q in general_questions(None) if q.id == "zh-capital")
    prediction = {
        "id": question.id, "set": "general", "seen": False, "answer": "北京", "reference": question.reference,
        "finish_reason": "stop",
    }  # fmt: skip
    values = {row["metric"]: row["value"] for row in general_rows([prediction])}
    assert (values["accuracy"], values["ended"], values["right_language"]) == (1.0, 1.0, 1.0)
    assert answer_rows([prediction]) == []
    assert general_rows([prediction | {"set": "test"}]) == []


def test_a_run_asks_them_at_every_stage(quick_config: Callable[..., Any]) -> None:
    run = starting.train(quick_config("train.max_steps=1", "train.epochs=null", "evaluate.general=true"))
    for stage in ("before", "after"):
        asked = [p for p in run.predictions(stage) if p["set"] == "general"]
        assert len(asked) == 24
        assert run.scores(stage)["general"]["accuracy"]["n"] == 24
    assert any("General check" in str(words) for words in verdict(run))
    without = starting.train(quick_config("train.max_steps=1", "train.epochs=null"))
    assert all(p["set"] != "general" for p in without.predictions("after"))
    hashes = [r.manifest["evaluation_fingerprint"]["hash"] for r in (run, without)]
    assert hashes[0] != hashes[1]


def test_no_floor_is_claimed_where_guessing_has_no_meaning() -> None:
    questions = general_questions(None)
    predictions = [
        {"id": q.id, "set": "general", "seen": False, "answer": "x", "reference": q.reference, "finish_reason": "stop"}
        for q in questions
    ]  # fmt: skip
    scores = summarise(general_rows(predictions))["general"]
    assert {entry["floor"] for entry in scores.values()} == {None}
