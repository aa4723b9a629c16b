"""The demo's own score: paired by question, and nothing where there is nothing to compare."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from loralab.cli import demo as command
from loralab.cli.console import Console
from loralab.demo import demo_scores
from loralab.run.files import write_json_lines
from loralab.run.folder import RunFolder
from loralab.run.view import Run

RIGHT = "出自《民法典》，属于民法。"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(RunFolder(tmp_path))


def answered(row_id: str, answer: str) -> dict[str, Any]:
    return {"id": row_id, "answer": answer, "reference": RIGHT, "finish_reason": "stop"}


def test_stages_are_compared_question_by_question(run: Run) -> None:
    write_json_lines(run.folder.predictions("before"), [answered("1", "x"), answered("2", RIGHT)])
    write_json_lines(run.folder.predictions("after"), [answered("2", RIGHT), answered("1", RIGHT)])
    lines = demo_scores(run)
    assert [line.metric for line in lines] == ["whole answer", "law", "department", "stopped"]
    assert (lines[0].difference.value, lines[0].difference.n) == (0.5, 2)
    assert {s: e.value for s, e in lines[0].stages.items()} == {"before": 0.5, "after": 1.0}


def test_a_damaged_answer_leaves_the_others_paired(run: Run) -> None:
    write_json_lines(run.folder.predictions("before"), [answered("1", "x"), answered("2", RIGHT)])
    write_json_lines(run.folder.predictions("after"), [{"id": "1"}, answered("2", RIGHT)])
    difference = demo_scores(run)[0].difference
    assert (difference.value, difference.n) == (0.0, 1)


@pytest.mark.parametrize("stages", [{}, {"after": 2}, {"before": 0, "after": 0}, {"before": 0, "after": 2}])
def test_fewer_than_two_answered_stages_are_no_bug(
    run: Run, stages: dict[str, int], capsys: pytest.CaptureFixture[str]
) -> None:
    for stage, number in stages.items():
        rows = [answered(str(i), RIGHT) for i in range(number)]
        write_json_lines(run.folder.predictions(stage), rows)
    assert demo_scores(run) == []
    command._tell(run, Console(), built_in=True)
    said = capsys.readouterr().err
    assert "whole answer right" not in said and "report: " in said


def test_stages_that_share_no_question_are_not_compared(run: Run) -> None:
    write_json_lines(run.folder.predictions("before"), [answered("1", "x")])
    write_json_lines(run.folder.predictions("after"), [answered("2", RIGHT)])
    assert demo_scores(run) == []
