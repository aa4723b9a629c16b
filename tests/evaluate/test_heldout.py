"""The scores of the run's own test rows."""

from __future__ import annotations

import math
from typing import Any

import pytest

from loralab.evaluate.heldout import answer_rows, clean_rows, loss_rows, summarise


def prediction(name: str, answer: str, reference: str = "依法处理。", seen: bool = False) -> dict[str, Any]:
    return {"id": name, "answer": answer, "reference": reference, "seen": seen}


def test_answers_are_scored_against_their_references() -> None:
    predictions = [prediction("a", " 依法处理。\n"), prediction("b", "不知道"), prediction("c", "")]
    scores = summarise(answer_rows(predictions))["heldout"]
    assert scores["exact_match"]["value"] == pytest.approx(1 / 3) and scores["exact_match"]["n"] == 3
    assert scores["rouge_l"]["abstention"] == scores["exact_match"]["abstention"] == pytest.approx(1 / 3)
    assert scores["exact_match"]["floor"] == 0.0


def test_rows_that_were_trained_on_or_have_no_reference_do_not_count() -> None:
    predictions = [prediction("a", "x", seen=True), prediction("b", "x", reference=""), prediction("c", "x")]
    assert {r["id"] for r in answer_rows(predictions)} == {"c"}


def test_an_empty_answer_counts_as_wrong() -> None:
    assert [r["value"] for r in answer_rows([prediction("a", "")])] == [0.0, 0.0]


def test_loss_is_over_tokens_and_brings_perplexity() -> None:
    rows = loss_rows(list("abcdef"), [10.0, 90.0] * 3, [10, 30] * 3)
    assert [r["value"] for r in rows] == [1.0, 3.0] * 3
    scores = summarise(rows)["heldout"]
    assert scores["loss"]["value"] == pytest.approx(100 / 40)
    for key in ("value", "low", "high"):
        assert scores["perplexity"][key] == pytest.approx(math.exp(scores["loss"][key]))
    assert scores["loss"]["n"] == scores["perplexity"]["n"] == 6 and scores["loss"]["floor"] is None


@pytest.mark.parametrize(
    ("loss", "perplexity"), [(math.nan, math.nan), (math.inf, math.inf), (800.0, math.inf)]
)
def test_perplexity_of_a_loss_that_is_out_of_range(loss: float, perplexity: float) -> None:
    """That of NaN was infinite."""
    found = summarise(loss_rows(["a"], [loss], [1]))["heldout"]["perplexity"]["value"]
    assert found == pytest.approx(perplexity, nan_ok=True)


def test_nothing_scored_is_no_task() -> None:
    assert summarise([]) == {}


def test_scores_without_questions_that_nearly_stand_in_training_rows() -> None:
    rows = [
        *loss_rows(["a", "b"], [10.0, 90.0], [10, 30]),
        *answer_rows([prediction("a", "依法处理。"), prediction("b", "x")]),
    ]
    scores = summarise([*rows, *clean_rows(rows, {"b"})])
    assert scores["heldout"] == summarise(rows)["heldout"]
    assert scores["heldout"]["exact_match"]["value"] == 0.5
    assert (scores["heldout_clean"]["loss"]["value"], scores["heldout_clean"]["loss"]["n"]) == (1.0, 1)
    assert scores["heldout_clean"]["exact_match"]["value"] == 1.0


def test_without_such_questions_scores_are_given_once() -> None:
    rows = loss_rows(["a"], [1.0], [1])
    assert clean_rows(rows, frozenset()) == []
