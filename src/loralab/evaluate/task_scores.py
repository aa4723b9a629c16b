"""A task's scored answers in, the metrics of scores.json with their intervals out."""

from __future__ import annotations

from typing import Any

from loralab.evaluate.scoring import Result
from loralab.evaluate.statistics import weighted_mean

Scores = dict[str, dict[str, dict[str, Any]]]


def scores_document(result: Result) -> Scores:
    """{task: {metric: {value, n, low, high, floor, abstention}}}.

    Beside the task's metric stand its lenient reading (`METRIC_lenient`) and side metrics, over the answers that
    have them; only the metric itself has a floor. A value is null where no answer counts.
    """
    metrics = {
        result.metric: {
            "value": result.score, "n": result.n, "low": result.low, "high": result.high,
            "floor": result.floor, "abstention": result.abstention,
        }
    }  # fmt: skip
    side = {name: _side_entry(list(values.values())) for name, values in _side_values(result).items()}
    return {result.task: metrics | side}


def score_rows(result: Result) -> list[dict[str, Any]]:
    """One row for each metric and each answer that counts in it: {task, metric, id, value, weight}."""
    main = {i: row.value for i, row in zip(result.ids, result.rows, strict=True) if row.value is not None}
    return [
        {"task": result.task, "metric": metric, "id": row_id, "value": value, "weight": 1}
        for metric, values in ({result.metric: main} | _side_values(result)).items()
        for row_id, value in values.items()
    ]


def _side_values(result: Result) -> dict[str, dict[str, float]]:
    """{metric: {id: value}} of the lenient reading and of the side metrics."""
    rows = list(zip(result.ids, result.rows, strict=True))
    lenient = {i: row.lenient for i, row in rows if row.lenient is not None}
    side = {f"{result.metric}_lenient": lenient} if lenient else {}
    for name in result.extra:
        side[name] = {i: row.extra[name] for i, row in rows if name in row.extra}
    return side


def _side_entry(values: list[float]) -> dict[str, Any]:
    mean = weighted_mean(values)
    return {
        "value": mean.value, "n": mean.n, "low": mean.low, "high": mean.high, "floor": None, "abstention": None,
    }  # fmt: skip
