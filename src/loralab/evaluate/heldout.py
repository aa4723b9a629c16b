"""The task `heldout`: predictions and row losses in, scores with intervals out; no model is needed.

Loss and perplexity are over all test rows; everything else over the answered rows that were not trained on, and
`citation_f1` over those of them whose reference cites an article.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from loralab.evaluate.citation.score import VERSION as CITATION_VERSION
from loralab.evaluate.citation.score import score as citation_scores
from loralab.evaluate.copied import VERSION as COPIED_VERSION
from loralab.evaluate.copied import copied
from loralab.evaluate.rouge import VERSION as ROUGE_VERSION
from loralab.evaluate.rouge import rouge_l
from loralab.evaluate.statistics import Estimate, weighted_mean
from loralab.evaluate.tasks.base import Answered
from loralab.evaluate.tasks.reference import exact_match, signs

TASK, CLEAN_TASK = "heldout", "heldout_clean"
METRIC_VERSIONS = (
    ROUGE_VERSION, "exact_match/1", "loss/1", CITATION_VERSION, COPIED_VERSION,
    "length_ratio/1", "repetition/1", "ended/1",
)  # fmt: skip
GUESSED = frozenset({"exact_match", "rouge_l"})  # a guess scores about nothing; elsewhere that has no meaning
PERPLEXITY = {"loss": "perplexity", "neutral_loss": "neutral_perplexity"}  # of each loss, its exponential
LOWER_IS_BETTER = frozenset(PERPLEXITY) | frozenset(PERPLEXITY.values())

ScoreRow = dict[str, Any]
Scores = dict[str, dict[str, dict[str, Any]]]


def answer_rows(predictions: Iterable[Mapping[str, Any]]) -> list[ScoreRow]:
    """One row for each metric and each scored answer: {task, metric, id, value, weight}.

    A row of `citation_f1` is marked as empty if the answer cites nothing, one of another metric if it is blank.
    """
    return [row for prediction in _scored(predictions) for row in _of_answer(prediction)]


def _scored(predictions: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The answers to rows of the user's that have a reference and were not trained on."""
    for prediction in predictions:
        if not prediction["seen"] and prediction["reference"].strip() and prediction.get("set") != "general":
            yield prediction


def _of_answer(prediction: Mapping[str, Any]) -> Iterator[ScoreRow]:
    answer, reference = prediction["answer"], prediction["reference"]
    blank = not answer.strip()
    yield _row("exact_match", prediction["id"], exact_match(answer, reference), 1, blank)
    yield _row("rouge_l", prediction["id"], rouge_l(answer, reference), 1, blank)
    (citation,) = citation_scores([Answered(reference, answer)])
    if citation.value is not None:
        yield _row("citation_f1", prediction["id"], citation.value, 1, citation.abstained)
    for metric, value in signs(answer, reference, prediction.get("finish_reason")).items():
        yield _row(metric, prediction["id"], value, 1, blank)


def copied_rows(predictions: Iterable[Mapping[str, Any]], training: Iterable[str]) -> list[ScoreRow]:
    """One row for each scored answer: 1 if it stands nearly whole in one of the answers that are trained on."""
    mine = list(_scored(predictions))
    found = copied([prediction["answer"] for prediction in mine], training)
    return [
        _row("copied", prediction["id"], float(is_copy), 1, empty=not prediction["answer"].strip())
        for prediction, is_copy in zip(mine, found, strict=True)
    ]


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
    """{task: {metric: {value, n, low, high, floor, abstention}}}; a loss brings its perplexity with it."""
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
        if metric in PERPLEXITY:
            scores[metric] = _entry(estimate)
            scores[PERPLEXITY[metric]] = _entry(_exp(estimate))
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
