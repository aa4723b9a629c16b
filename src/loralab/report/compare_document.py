"""A comparison in, its JSON document out."""

from __future__ import annotations

from typing import Any

from loralab.evaluate.changes import Change
from loralab.evaluate.comparison import Comparison, Difference
from loralab.report.run_cost import side_cost
from loralab.words import Words


def document(comparison: Comparison, marks: tuple[Words, ...] = ()) -> dict[str, Any]:
    """{tasks, differences, fixed, broken}, and beside them: runs with their cost, unlike, marks.

    tasks is {task: {metric: {run: entry of its scores}}}, runs in their order, the baseline first. A folder of
    `loralab eval` stands among the runs with the kind `eval` and no stage. Sentences are English.
    """
    tasks: dict[str, dict[str, dict[str, Any]]] = {}
    labels = [side.label for side in comparison.sides]
    for row in comparison.rows:
        cells = {label: cell for label, cell in zip(labels, row.cells, strict=True) if cell is not None}
        tasks.setdefault(row.task, {})[row.metric] = cells
    baseline = labels[0]
    return {
        "tasks": tasks,
        "differences": [_difference(found, baseline) for found in comparison.differences],
        "fixed": [_change(c, baseline) for c in comparison.changes if c.kind == "fixed"],
        "broken": [_change(c, baseline) for c in comparison.changes if c.kind == "broken"],
        "runs": [
            {"run": s.label, "path": s.path, "stage": s.stage or None, "status": s.status}
            | side_cost(s).to_dict()
            for s in comparison.sides
        ],
        "unlike": [{"run": u.run, "part": u.part, "message": str(u.words)} for u in comparison.unlike],
        "marks": [str(words) for words in (*comparison.marks, *marks)],
        "num_tested": comparison.num_tested,
    }


def _difference(found: Difference, baseline: str) -> dict[str, Any]:
    estimate = found.estimate
    return {
        "task": found.task, "metric": found.metric, "baseline": baseline, "run": found.run,
        "value": estimate.value, "n": estimate.n, "low": estimate.low, "high": estimate.high,
        "p": found.p, "p_adjusted": found.p_adjusted,
        "test": None if found.p is None else "mcnemar" if found.right_or_wrong else "randomisation",
        "verdict": str(found.verdict), "reason": str(found.reason) if found.reason else None,
        "only_baseline": found.only_baseline, "only_run": found.only_run,
    }  # fmt: skip


def _change(change: Change, baseline: str) -> dict[str, Any]:
    one, two = change.baseline_answer, change.answer
    return {
        "task": change.task, "metric": change.metric, "baseline": baseline, "run": change.run,
        "id": change.id, "graded": change.graded, "of": change.out_of,
        "before": change.before, "after": change.after,
        "question": two.get("question", one.get("question")),
        "reference": two.get("reference", one.get("reference")),
        "baseline_answer": one.get("answer"), "answer": two.get("answer"),
    }  # fmt: skip
