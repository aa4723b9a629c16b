"""Published LawBench scores: three models on six tasks, every cell and every row as the official code gives them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from doubles.shared_data import SHARED, needs_shared_data, real_files
from loralab.evaluate.tasks.base import Answered, RowScore
from loralab.evaluate.tasks.lawbench import LAWBENCH, RULES
from loralab.evaluate.tasks.lawbench_labels import CHARGES
from loralab.evaluate.tasks.lawbench_predictions import read_predictions

FOLDER = SHARED / "lawbench"
CELLS = real_files("lawbench/predictions/*/*.json")
TASK_FILES = real_files("lawbench/data_zero_shot/*.json")

pytestmark = needs_shared_data


def cell(path: Path) -> tuple[str, str]:
    return path.parent.name, path.stem


@cache
def expected() -> dict[tuple[str, str], dict[str, Any]]:
    scores = json.loads((FOLDER / "expected_scores.json").read_text("utf-8"))
    rows = [json.loads(line) for line in (FOLDER / "expected_rows.jsonl").read_text("utf-8").splitlines()]
    by_cell = {(row["model"], row["task"]): row["row_scores"] for row in rows}
    return {(s["model"], s["task"]): {**s, "rows": by_cell[s["model"], s["task"]]} for s in scores}


def score(path: Path) -> list[RowScore]:
    answered = [Answered(p.reference, p.prediction) for p in read_predictions(path)]
    return LAWBENCH[f"lawbench:{path.stem}"].score(answered)


def values(scores: list[RowScore]) -> Iterator[float]:
    return (s.value for s in scores if s.value is not None)


def test_all_eighteen_cells_are_here() -> None:
    assert len(CELLS) == 18
    assert {cell(path) for path in CELLS} == set(expected())


@pytest.mark.parametrize("path", CELLS, ids=lambda p: "-".join(cell(p)))
def test_score_abstention_and_every_row_are_the_published_ones(path: Path) -> None:
    want = expected()[cell(path)]
    scores = score(path)
    assert len(scores) == want["n"] == len(want["rows"])
    found = list(values(scores))
    assert sum(found) / len(found) == pytest.approx(want["score_published"], abs=1e-6)
    abstained = sum(s.abstained for s in scores) / len(scores)
    assert abstained == pytest.approx(want["abstention_rate_published"], abs=1e-6)
    for number, (mine, official) in enumerate(zip(scores, want["rows"], strict=True)):
        assert (mine.value is None) == (official is None), number
        assert mine.value == pytest.approx(official, abs=1e-6), number


@pytest.mark.parametrize("path", TASK_FILES, ids=lambda p: p.stem)
def test_an_official_task_file_gives_the_questions_that_were_asked(path: Path) -> None:
    items = LAWBENCH[f"lawbench:{path.stem}"].questions(path)
    assert [item.id for item in items] == [str(n) for n in range(500)]
    for file in FOLDER.glob(f"predictions/*/{path.stem}.json"):
        predictions = {p.key: p for p in read_predictions(file)}
        for item in items:
            assert (
                item.question.strip() in predictions[item.id].prompt
            )  # the model's template stands around it
            assert item.question == item.conversation.question
            assert item.reference == predictions[item.id].reference


@pytest.mark.parametrize("number", ["1-2", "3-6"])
def test_the_floor_is_the_most_frequent_letter(number: str) -> None:
    task = LAWBENCH[f"lawbench:{number}"]
    references = [item.reference for item in task.questions(FOLDER / f"data_zero_shot/{number}.json")]
    floors = [
        sum(s.value or 0 for s in task.score([Answered(r, letter) for r in references])) / len(references)
        for letter in "ABCD"
    ]
    assert task.floor(references) == max(floors)
    assert 0.25 < max(floors) < 0.35


def test_the_charges_are_gold_charges_all_but_thirteen() -> None:
    items = LAWBENCH["lawbench:3-3"].questions(FOLDER / "data_zero_shot/3-3.json")
    gold: set[str] = set().union(*(RULES["3-3"].read(item.reference) for item in items))
    assert len(CHARGES) == len(set(CHARGES)) == 189
    assert set(CHARGES) < gold
    assert len(gold) == 202


@pytest.mark.parametrize("number", ["3-1", "1-2", "3-6"])
def test_wordy_answers_gain_under_the_lenient_reading(number: str) -> None:
    scores = score(FOLDER / f"predictions/qwen-7b-chat-hf/{number}.json")
    lenient = [s.lenient for s in scores if s.lenient is not None]
    assert len(lenient) == len(scores)
    assert sum(lenient) > sum(values(scores)) + 0.03 * len(scores)
