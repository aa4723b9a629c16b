"""Published benchmark results side by side: differences are those of the published tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from doubles.compared import write_run
from doubles.shared_data import SHARED, needs_shared_data
from loralab.evaluate.comparison import compare
from loralab.evaluate.side import make_sides

pytestmark = needs_shared_data
ONE, OTHER = "GPT-3.5-turbo-0613", "qwen-7b-chat-hf"
METRICS = {"1-1": "rouge_l", "1-2": "accuracy", "3-1": "f1", "3-3": "f1", "3-6": "accuracy", "3-8": "rouge_l"}


def score_rows_of(model: str) -> list[dict[str, Any]]:
    lines = (SHARED / "lawbench" / "expected_rows.jsonl").read_text("utf-8").splitlines()
    return [
        {"task": f"lawbench:{line['task']}", "metric": METRICS[line["task"]], "id": str(i), "value": value, "weight": 1}
        for line in map(json.loads, lines) if line["model"] == model
        for i, value in enumerate(line["row_scores"]) if value is not None
    ]  # fmt: skip


def test_differences_of_two_models_are_those_of_the_published_table(tmp_path: Path) -> None:
    table = json.loads((SHARED / "lawbench" / "expected_scores.json").read_text("utf-8"))
    published = {(row["model"], f"lawbench:{row['task']}"): row["score_published"] for row in table}
    runs = [write_run(tmp_path / model, {}, rows=score_rows_of(model)) for model in (ONE, OTHER)]
    found = compare(make_sides([(run, "after") for run in runs]))
    assert len(found.differences) == found.num_tested == 6
    for difference in found.differences:
        before, after = (published[model, difference.task] for model in (ONE, OTHER))
        assert difference.estimate.value == pytest.approx(after - before, abs=1e-6)
        assert difference.estimate.low is not None and difference.estimate.high is not None
        assert difference.estimate.low < difference.estimate.value < difference.estimate.high
        shown = str(difference.verdict) != "no difference shown"
        assert shown == (difference.estimate.excludes_zero and (difference.p_adjusted or 0) < 0.05)
    exams = [d for d in found.differences if d.metric == "accuracy"]
    assert all(d.right_or_wrong for d in exams) and len(exams) == 2


def test_a_model_with_itself_is_nowhere_better(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", {}, rows=score_rows_of(OTHER))
    found = compare(make_sides([(run, "after"), (run, "after")]))
    assert {(d.estimate.low, d.estimate.high, str(d.verdict)) for d in found.differences} == {
        (0.0, 0.0, "no difference shown")
    }
