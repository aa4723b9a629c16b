"""The evaluations of a run by step in, the step whose adapter is chosen and whether training should end early out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

Values = Mapping[int, float]  # what an evaluation gave, by the step after which it was made


@dataclass(frozen=True)
class Metric:
    """A score that adapters are chosen by, as scores/<stage>.json names it."""

    task: str
    name: str
    lower_is_better: bool = False

    def better(self, value: float, than: float) -> bool:
        """Whether a value is better than another; equal ones are not."""
        return value < than if self.lower_is_better else value > than


LOSS = Metric("heldout", "loss", lower_is_better=True)
METRICS = {  # by the word of evaluate.best_by; `last` compares nothing
    "heldout_loss": LOSS,
    "exact_match": Metric("heldout", "exact_match"),
    "rouge_l": Metric("heldout", "rouge_l"),
    "citation_f1": Metric("heldout", "citation_f1"),
    "general": Metric("general", "accuracy"),
}


def best_step(values: Values, metric: Metric) -> int | None:
    """The step of the best value, the later one of equals; values that are not finite are passed over."""
    best: int | None = None
    for step in sorted(step for step, value in values.items() if math.isfinite(value)):
        if best is None or not metric.better(values[best], values[step]):
            best = step
    return best


def not_better(values: Values, metric: Metric) -> int:
    """How many evaluations, up to the last one, came after the best value was first reached.

    One that is equal or not finite is not better. 0 as long as there is no finite value to compare with.
    """
    best = best_step(values, metric)
    if best is None:
        return 0
    first = min(step for step, value in values.items() if value == values[best])
    return sum(1 for step in values if step > first)
