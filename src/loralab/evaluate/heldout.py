"""The task `heldout`: predictions and row losses in, scores with intervals out; no model is needed.

Loss and perplexity are over all test rows; ROUGE-L and exact match over the answered rows that were not
trained on.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from loralab.evaluate.rouge import VERSION as ROUGE_VERSION
from loralab.evaluate.rouge import rouge_l
from loralab.evaluate.statistics import Estimate, weighted_mean
from loralab.evaluate.tasks.reference import exact_match

TASK, CLEAN_TASK = "heldout", "heldout_clean"
METRIC_VERSIONS = (ROUGE_VERSION, "exact_match/1", "loss/1")
GUESSED = frozenset({"exact_match", "rouge_l"})  # a guess scores about nothing; elsewhere that has no meaning
LOWER_IS_BETTER = frozenset({"loss", "perplexity"})

ScoreRow = dict[str, Any]
Scores = dict[str, dict[str, dict[str, Any]]]


def answer_rows(predictions: Iterable[Mapping[str, Any]]) -> list[ScoreRow]:
    """One row for each metric and each scored answer: {task, metric, id, value, weight}."""
    rows = []
    for prediction in predictions:
        if prediction["seen"] or not prediction["reference"] or prediction.get("set") == "general":
            continue
        answer, reference = prediction["answer"], prediction["reference"]
        for metric, value in (
            ("exact_match", exact_match(answer, reference)),
            ("rouge_l", rouge_l(answer, reference)),
        ):
            rows.append(_row(metric, prediction["id"], value, 1, empty=not answer.strip()))
    return rows


def loss_rows(ids: Sequence[str], sums: Sequence[float], label_tokens: Sequence[int]) -> list[ScoreRow]:
    """One row for each test row: its mean token loss, weighted by its label tokens."""
    return [
        _row("loss", row_id, total / count, count)
        for row_id, total, count in zip(ids, sums, label_tokens, strict=True)
    ]


def clean_rows(rows: Sequence[ScoreRow], near: Collection[str]) -> list[ScoreRow]:
    """The rows of questions that do not nearly stand in the training rows, as task `heldout_clean`.

    None if no question does: the scores would be those of `heldout` again.
    """
    return [row | {"task": CLEAN_TASK} for row in rows if row["id"] not in near] if near else []


def _row(metric: str, row_id: str, value: float, weight: int, empty: bool = False) -> ScoreRow:
    row: ScoreRow = {"task": TASK, "metric": metric, "id": row_id, "value": value, "weight": weight}
    return row | {"empty": True} if empty else row


def summarise(rows: Sequence[ScoreRow]) -> Scores:
    """{task: {metric: {value, n, low, high, floor, abstention}}}; loss brings perplexity with it."""
    result: Scores = {}
    for task in dict.fromkeys(row["task"] for row in rows):
        result[task] = _metrics([row for row in rows if row["task"] == task])
    return result


def _metrics(rows: Sequence[ScoreRow]) -> dict[str, dict[str, Any]]:
    scores: dict[str, dict[str, Any]] = {}
    for metric in dict.fromkeys(row["metric"] for row in rows):
        mine = [row for row in rows if row["metric"] == metric]
        estimate = weighted_mean([r["value"] for r in mine], [r["weight"] for r in mine])
        empty = sum(1 for r in mine if r.get("empty"))
        if metric == "loss":
            scores["loss"] = _entry(estimate)
            scores["perplexity"] = _entry(_exp(estimate))
        else:
            floor = 0.0 if metric in GUESSED else None
            scores[metric] = _entry(estimate) | {"floor": floor, "abstention": empty / len(mine)}
    return scores


def _entry(estimate: Estimate) -> dict[str, Any]:
    return {
        "value": estimate.value, "n": estimate.n, "low": estimate.low, "high": estimate.high,
        "floor": None, "abstention": None,
    }  # fmt: skip


def _exp(estimate: Estimate) -> Estimate:
    low, high = (None if bound is None else _safe_exp(bound) for bound in (estimate.low, estimate.high))
    return Estimate(_safe_exp(estimate.value), estimate.n, low, high)


def _safe_exp(value: float) -> float:
    return math.inf if value >= 700 else math.exp(value)
