from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doubles.shared_data import SHARED, needs_shared_data
from loralab.data.conversation import Conversation, Message
from loralab.errors import DataError, UsageError
from loralab.evaluate.heldout import answer_rows, summarise
from loralab.evaluate.predictions import Prediction
from loralab.evaluate.scoring import score_answers, score_file
from loralab.evaluate.statistics import SMALLEST
from loralab.evaluate.tasks.base import Answered, Item, RowScore, Task
from loralab.evaluate.tasks.choice import CHOICE
from loralab.evaluate.tasks.lawbench import LAWBENCH
from loralab.evaluate.tasks.lexeval import LEXEVAL
from loralab.evaluate.tasks.reference import REFERENCE

ROUGE = REFERENCE["rouge_l"]


def _numbers(rows: Any) -> list[RowScore]:
    """The answer is the score; `-` is left out, blank abstains."""
    values = [None if r.answer == "-" else float(r.answer or 0) for r in rows]
    return [
        RowScore(v, abstained=not r.answer, extra={"half": (v or 0) / 2})
        for v, r in zip(values, rows, strict=True)
    ]


NUMBERS = Task("numbers", "number", "1", lambda path: [], _numbers, lambda references: len(references) / 10)


def items(n: int) -> list[Item]:
    return [Item(str(i), Conversation((Message("user", f"第{i}题"),)), f"第{i}题", "参") for i in range(n)]


def answered(*texts: str | None) -> list[Prediction | None]:
    return [None if t is None else Prediction(t, f"p:{i}") for i, t in enumerate(texts)]


def rows_file(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


@given(st.lists(st.sampled_from(["0", "1", "0.25", "-", ""]), min_size=1, max_size=20))
def test_the_score_is_the_mean_of_the_rows_that_count(texts: list[str]) -> None:
    result = score_answers(NUMBERS, items(len(texts)), answered(*texts))
    counted = [row.value for row in result.rows if row.value is not None]
    assert result.n == len(counted)
    assert result.score == (pytest.approx(sum(counted) / len(counted)) if counted else None)
    assert result.abstention == texts.count("") / len(texts)
    assert (result.low is None) == (result.high is None) == (result.n < SMALLEST)
    assert result.low is None or result.low <= (result.score or 0) <= (result.high or 0)
    assert result.floor == (len(counted) / 10 if counted else None)


def test_rows_that_are_left_out_are_said() -> None:
    some, none = (score_answers(NUMBERS, items(2), answered(*texts)) for texts in (("1", "-"), ("-", "-")))
    assert [str(w) for w in some.warnings] == ["1 of 2 rows are left out of the score by the task's rule"]
    assert (none.n, none.score, none.low, none.floor) == (0, None, None, None)
    assert "no answer could be scored" in str(none.warnings[0])


def test_a_missing_prediction_counts_as_wrong_and_is_said() -> None:
    result = score_answers(NUMBERS, items(3), answered("1", None, "1"))
    assert (result.n, result.score, result.missing) == (3, pytest.approx(2 / 3), 1)
    assert result.abstention == pytest.approx(1 / 3)
    assert result.extra == {"half": 0.5}
    assert "1 questions without prediction" in str(result.warnings[-1])


def test_a_missing_prediction_gets_nothing_even_where_a_blank_one_would() -> None:
    generous = Task("g", "m", "1", lambda path: [], lambda rows: [RowScore(1.0, lenient=1.0) for _ in rows])
    (row,) = score_answers(generous, items(1), answered(None)).rows
    assert (row.value, row.lenient, row.abstained) == (0.0, 0.0, True)


def test_rescoring_a_stage_gives_the_scores_of_its_run(tmp_path: Path) -> None:
    base = {"set": "test", "finish_reason": "stop"}
    rows = [
        base | {"id": str(i), "seen": i == 0, "question": f"第{i}题", "answer": a, "reference": r}
        for i, (a, r) in enumerate([("甲", "甲"), ("应当赔偿", "应当赔偿损失"), ("", "甲"), ("乙", "")])
    ]
    wanted = summarise(answer_rows(rows))["heldout"]
    path = rows_file(tmp_path / "after.jsonl", *rows)
    for metric in ("rouge_l", "exact_match"):
        result = score_file(REFERENCE[metric], path)
        assert (result.score, result.n) == (wanted[metric]["value"], wanted[metric]["n"])


def test_references_of_the_questions_file_count_and_differing_ones_are_said(tmp_path: Path) -> None:
    predictions = rows_file(tmp_path / "p.jsonl", {"question": "问", "answer": "甲", "reference": "乙"})
    questions = rows_file(tmp_path / "q.jsonl", {"question": "问", "reference": "甲"})
    result = score_file(ROUGE, predictions, questions)
    assert result.score == pytest.approx(1, abs=1e-6)
    assert "1 references of the predictions differ" in str(result.warnings[0])


def test_predictions_without_references_need_the_questions(tmp_path: Path) -> None:
    path = rows_file(tmp_path / "p.jsonl", {"id": "a", "answer": "甲"})
    with pytest.raises(
        UsageError, match=r"p.jsonl: the predictions hold no references\n  next: add --questions"
    ):
        score_file(ROUGE, path)


def test_a_row_that_alone_has_no_reference_is_named(tmp_path: Path) -> None:
    rows = [{"id": "a", "answer": "甲", "reference": "甲"}, {"id": "b", "answer": "甲"}]
    with pytest.raises(DataError, match=r"p\.jsonl:2: has no reference"):
        score_file(ROUGE, rows_file(tmp_path / "p.jsonl", *rows))


def test_missing_predictions_are_an_error_unless_they_count_as_wrong(tmp_path: Path) -> None:
    predictions = rows_file(tmp_path / "p.jsonl", {"question": "问", "answer": "B"})
    questions = tmp_path / "q.csv"
    questions.write_text("question,A,B,answer\n问,甲,乙,B\n另问,甲,乙,A\n", "utf-8")
    with pytest.raises(DataError, match=r"p.jsonl: 1 of 2 questions have no prediction: 1 \(另问\)"):
        score_file(CHOICE, predictions, questions)
    result = score_file(CHOICE, predictions, questions, missing="wrong")
    assert (result.score, result.missing, result.ids) == (0.5, 1, ("0", "1"))


def test_lexeval_outputs_are_scored_alone_and_beside_their_questions(tmp_path: Path) -> None:
    outputs = rows_file(
        tmp_path / "m_1_1.jsonl",
        *({"input": f"第{i}题\n答案:", "output": a, "answer": "B"} for i, a in enumerate("BA")),
    )
    questions = rows_file(
        tmp_path / "1_1.json",
        *({"instruction": "选。\n", "input": f"第{i}题", "answer": "B"} for i in (1, 0)),
    )
    alone, beside = (
        score_file(LEXEVAL["lexeval:1_1"], outputs),
        score_file(LEXEVAL["lexeval:1_1"], outputs, questions),
    )
    assert [r.value for r in alone.rows] == [1.0, 0.0]
    assert [r.value for r in beside.rows] == [0.0, 1.0]
    assert alone.floor == 1.0


def test_the_document_is_plain_json(tmp_path: Path) -> None:
    result = score_file(ROUGE, rows_file(tmp_path / "p.jsonl", {"answer": "甲", "reference": "甲"}))
    document = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert document["rows"] == [result.score]
    keys = {
        "task",
        "n",
        "score",
        "abstention",
        "low",
        "high",
        "rows",
        "lenient",
        "floor",
        "metric",
        "extra",
        "missing",
    }
    assert keys <= document.keys()


@needs_shared_data
@pytest.mark.parametrize("task", ["1-2", "3-1", "3-3", "3-6"])
def test_lawbench_predictions_join_their_questions_by_the_text_in_the_prompt(task: str) -> None:
    for model in ("GPT-3.5-turbo-0613", "qwen-7b-chat-hf", "internlm-chat-7b-8k-hf"):
        path = SHARED / "lawbench/predictions" / model / f"{task}.json"
        questions = SHARED / "lawbench/data_zero_shot" / f"{task}.json"
        name = f"lawbench:{task}"
        joined = score_file(LAWBENCH[name], path, questions)
        assert joined.rows == score_file(LAWBENCH[name], path).rows
        assert joined.warnings == ()


def test_scorers_see_options_and_finish_reasons(tmp_path: Path) -> None:
    seen: list[Answered] = []
    task = Task(
        "t", "m", "1", CHOICE.questions, lambda rows: (seen.extend(rows), [RowScore(1.0) for _ in rows])[1]
    )
    questions = tmp_path / "q.csv"
    questions.write_text("question,A,B,answer\n问,甲,乙,B\n", "utf-8")
    path = rows_file(tmp_path / "p.jsonl", {"question": "问", "answer": "B", "finish_reason": "length"})
    score_file(task, path, questions)
    assert seen == [Answered("B", "B", {"choices": {"A": "甲", "B": "乙"}, "finish_reason": "length"})]
