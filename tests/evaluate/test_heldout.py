"""The scores of the run's own test rows."""

from __future__ import annotations

import math
from typing import Any

import pytest

from loralab.evaluate.direction import direction
from loralab.evaluate.heldout import answer_rows, clean_rows, copied_rows, loss_rows, summarise


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
    values = {row["metric"]: row["value"] for row in answer_rows([prediction("a", "")])}
    assert values == {"exact_match": 0.0, "rouge_l": 0.0, "length_ratio": 0.0, "repetition": 0.0}


def test_a_reference_of_white_space_is_none() -> None:
    """Its length would have been divided by."""
    assert answer_rows([prediction("a", "x", reference=" \n")]) == []


LAW = "根据《民法典》第五百七十七条，应当承担违约责任。"


def test_citations_are_scored_where_the_reference_cites_an_article() -> None:
    predictions = [
        prediction("right", "见《民法典》第577条。", LAW), prediction("other", "见《民法典》第五百条。", LAW),
        prediction("none", "应当赔偿。", LAW), prediction("free", "见《民法典》第577条。"),
        prediction("seen", LAW, LAW, seen=True),
    ]  # fmt: skip
    rows = [row for row in answer_rows(predictions) if row["metric"] == "citation_f1"]
    assert {row["id"]: row["value"] for row in rows} == {"right": 1.0, "other": 0.0, "none": 0.0}
    entry = summarise(rows)["heldout"]["citation_f1"]
    assert (entry["value"], entry["n"], entry["floor"]) == (pytest.approx(1 / 3), 3, None)
    assert entry["abstention"] == pytest.approx(1 / 3), "an answer that cites nothing"


def test_without_citations_in_references_there_is_no_such_score() -> None:
    assert "citation_f1" not in summarise(answer_rows([prediction("a", LAW)]))["heldout"]


def test_length_repetition_and_end_of_answers_stand_beside() -> None:
    predictions = [
        prediction("a", "依法处理。依法处理。" * 5) | {"finish_reason": "length"},
        prediction("b", "依法。") | {"finish_reason": "stop"},
    ]
    scores = summarise(answer_rows(predictions))["heldout"]
    assert scores["length_ratio"]["value"] == pytest.approx((50 / 5 + 3 / 5) / 2)
    assert scores["repetition"]["value"] > 0.3 and scores["ended"]["value"] == 0.5


def test_which_metrics_of_a_stage_are_better_when_they_are_lower() -> None:
    metrics = ("loss", "neutral_perplexity", "repetition", "copied", "length_ratio", "ended", "citation_f1")
    assert [direction(metric) for metric in metrics] == [-1, -1, -1, 0, 0, 1, 1]


def test_answers_that_stand_in_training_answers_are_counted() -> None:
    text = "合同期满以后，出租人应当在三日以内退还押金；逾期不退的，按照约定支付违约金，并赔偿承租人的损失。"
    predictions = [
        prediction("copy", text[2:]), prediction("own", text[::-1]), prediction("blank", ""),
        prediction("seen", text, seen=True), prediction("general", text) | {"set": "general"},
    ]  # fmt: skip
    rows = copied_rows(predictions, iter(["另一个回答", f"您好。{text}"]))
    assert {row["id"]: row["value"] for row in rows} == {"copy": 1.0, "own": 0.0, "blank": 0.0}
    assert summarise(rows)["heldout"]["copied"]["value"] == pytest.approx(1 / 3)


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
