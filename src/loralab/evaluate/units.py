"""A task and a metric in, whether the value is a share of answers that people read in per cent out."""

from __future__ import annotations

from loralab.evaluate.general.task import GENERAL

SHARES = frozenset({"exact_match", "law", "department", "right_language", "ended", "copied"})


def is_share(task: str, metric: str) -> bool:
    """Whether each answer either is so or is not. Benchmark scores, accuracies too, stay from 0 to 1 as published."""
    return metric in SHARES or (task, metric) == (GENERAL.name, GENERAL.metric)
