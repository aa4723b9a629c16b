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
    lenient = [row.lenient for row in result.rows if row.lenient is not None]
    side = {f"{result.metric}_lenient": lenient} if lenient else {}
    for name in result.extra:
        side[name] = [row.extra[name] for row in result.rows if name in row.extra]
    return {result.task: metrics | {name: _side_entry(values) for name, values in side.items()}}


def _side_entry(values: list[float]) -> dict[str, Any]:
    mean = weighted_mean(values)
    return {
        "value": mean.value, "n": mean.n, "low": mean.low, "high": mean.high, "floor": None, "abstention": None,
    }  # fmt: skip
