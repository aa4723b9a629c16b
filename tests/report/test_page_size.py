"""The page of a normal run can be mailed: under 3 MB, with every answer in it."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

from doubles.made_run import STAGES, Recipe, make_prediction, make_scores
from loralab.report import build_report
from loralab.run.files import write_json_lines
from loralab.run.view import open_run

TOKENS = 512
CHARACTERS = int(1.6 * TOKENS)  # of Chinese text that a tokenizer of a Chinese model cuts well


def make_text(name: str) -> str:
    """A text of 512 tokens like no other."""
    random = Random(name)
    return "".join(chr(random.randint(0x4E00, 0x9FA5)) for _ in range(CHARACTERS))


def make_answers(stage: str) -> list[dict[str, Any]]:
    """20 test rows and 24 general prompts, all answered at full length."""
    return [
        make_prediction(subset, 100 * (subset == "general") + i, make_text(f"{stage} {subset} {i}"), finish_reason="length")
        for subset, count in (("test", 20), ("general", 24))
        for i in range(count)
    ]  # fmt: skip


def make_rows(stage: str) -> list[dict[str, Any]]:
    """A score of each answer that differs from stage to stage, so that all of them changed."""
    random = Random(stage)
    return [
        {"task": "general" if row["set"] == "general" else "heldout", "id": row["id"], "weight": 1,
         "metric": "accuracy" if row["set"] == "general" else "rouge_l", "value": random.random()}
        for row in make_answers(stage)
    ]  # fmt: skip


def test_two_thousand_steps_and_twenty_answers_at_four_stages(recipe: Recipe, run_folder: Path) -> None:
    recipe.num_steps = 2_000
    recipe.predictions = {stage: make_answers(stage) for stage in STAGES}
    general = {"accuracy": {"value": 0.5, "n": 24, "low": 0.3, "high": 0.7}}
    recipe.scores = {stage: {**make_scores(stage), "general": general} for stage in STAGES}
    run = recipe.write(run_folder)
    for stage in STAGES:
        write_json_lines(run.folder.score_rows(stage), make_rows(stage))
    html = build_report(open_run(run_folder))
    assert len(html.encode()) < 3e6
    assert all(make_text(f"{stage} test {i}") in html for stage in STAGES for i in range(20))
