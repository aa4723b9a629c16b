"""A demo run in, its own metrics at each stage out: whole answer, law and department right."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loralab.evaluate.statistics import Estimate, paired_difference, weighted_mean
from loralab.run.view import Run

LAW = re.compile(r"《([^《》]+)》")
DEPARTMENT = re.compile(r"属于(\w+?法)")
Prediction = Mapping[str, Any]


def _whole(prediction: Prediction) -> bool:
    return bool(prediction["answer"].strip() == prediction["reference"].strip())


def _first_match(pattern: re.Pattern[str], prediction: Prediction) -> bool:
    """Whether the first match in the answer is the one in the reference."""
    answer, reference = (pattern.search(prediction[key]) for key in ("answer", "reference"))
    return bool(answer and reference and answer[1] == reference[1])


def _law(prediction: Prediction) -> bool:
    return _first_match(LAW, prediction)


def _department(prediction: Prediction) -> bool:
    return _first_match(DEPARTMENT, prediction)


def _stopped(prediction: Prediction) -> bool:
    return bool(prediction["finish_reason"] == "stop")


METRICS: dict[str, Callable[[Prediction], bool]] = {
    "whole answer": _whole,
    "law": _law,
    "department": _department,
    "stopped": _stopped,
}


@dataclass(frozen=True)
class ScoreLine:
    """A metric at each stage, and the paired difference from the first stage to the last."""

    metric: str
    stages: dict[str, Estimate]
    difference: Estimate


def _own(predictions: Sequence[dict[str, Any]]) -> list[Prediction]:
    """The answers to the demo's questions, without those to the general prompts."""
    return [p for p in predictions if p.get("set") != "general"]


def demo_scores(run: Run) -> list[ScoreLine]:
    """One line for each metric; the headline, the whole answer, first. None without two stages to compare.

    The difference is over the questions that both stages answered.
    """
    answers = {stage: rows for stage in run.stages if (rows := _own(run.predictions(stage)))}
    lines: list[ScoreLine] = []
    for metric, right in METRICS.items() if len(answers) > 1 else ():
        values = {s: {p["id"]: float(right(p)) for p in rows} for s, rows in answers.items()}
        first, *_, last = values.values()
        shared = [row_id for row_id in first if row_id in last]
        if not shared:
            return []
        difference = paired_difference([first[i] for i in shared], [last[i] for i in shared])
        stages = {s: weighted_mean(list(v.values())) for s, v in values.items()}
        lines.append(ScoreLine(metric, stages, difference))
    return lines
