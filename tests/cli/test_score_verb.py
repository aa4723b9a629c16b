from __future__ import annotations

import json
from pathlib import Path

import pytest

from doubles.command import invoke
from loralab.errors import UsageError
from loralab.evaluate.tasks.all import TASKS, find_task

QUESTIONS = "input,output,A,B,C,D,source,multichoice\n" + "".join(
    f"第{i}题：口头合同的效力？,B,一律无效,原则上有效,须经公证,须经登记,自拟,False\n" for i in range(1, 10)
)
REPLIES = [
    "B", "答案是B选项", "B。", "Ｂ", "b", "选B，因为A项说法过于绝对，应当排除。", '"A、C"', "我认为本题应当选择第二个选项。",
    "综上所述，本题答案为B。A、C、D均错误。",
]  # fmt: skip


@pytest.fixture
def exam(tmp_path: Path) -> tuple[Path, Path]:
    """(questions, predictions) of nine questions, the predictions in another order."""
    questions, predictions = tmp_path / "q.csv", tmp_path / "p.csv"
    questions.write_text(QUESTIONS, "utf-8")
    rows = [f"第{i}题：口头合同的效力？,{reply}" for i, reply in enumerate(REPLIES, 1)]
    predictions.write_text("\n".join(["input,model_output", *reversed(rows)]) + "\n", "utf-8")
    return questions, predictions


def words(exam: tuple[Path, Path], *more: str) -> tuple[str | Path, ...]:
    return ("score", "--task", "disc:single", "--predictions", exam[1], "--questions", exam[0], *more)


def test_the_document_has_the_score_of_every_row(exam: tuple[Path, Path]) -> None:
    said = invoke(*words(exam, "--json"))
    assert said.code == 0, said.err
    document = json.loads(said.out)
    assert document["rows"] == [1, 1, 1, 0, 0, 1, 0, 0, 1]
    assert (document["task"], document["n"], document["missing"]) == ("disc:single", 9, 0)
    assert document["score"] == pytest.approx(5 / 9)
    assert document["abstention"] == pytest.approx(3 / 9)
    assert document["lenient"] == pytest.approx(7 / 9)
    assert document["low"] < document["score"] < document["high"]
    assert document["floor"] == 1.0
    assert "next: " in said.err and "loralab score" not in said.out


def test_without_json_one_line_says_it(exam: tuple[Path, Path]) -> None:
    said = invoke(*words(exam))
    assert said.code == 0
    (line,) = said.out.splitlines()
    assert line.startswith("disc:single\taccuracy 0.556 [") and "abstention 0.333" in line and "n=9" in line


def test_missing_predictions_end_with_3_or_count_as_wrong(exam: tuple[Path, Path]) -> None:
    lines = exam[1].read_text("utf-8").splitlines()
    exam[1].write_text("\n".join(lines[:-1]) + "\n", "utf-8")
    refused, counted = invoke(*words(exam)), invoke(*words(exam, "--missing", "wrong", "--json"))
    assert (refused.code, refused.out) == (3, "")
    assert "p.csv: 1 of 9 questions have no prediction: 0 (第1题" in refused.err
    document = json.loads(counted.out)
    assert (counted.code, document["missing"], document["n"]) == (0, 1, 9)
    assert document["score"] == pytest.approx(4 / 9)
    assert "warning: 1 questions without prediction count as wrong" in counted.err


def test_a_foreign_question_ends_with_3(exam: tuple[Path, Path]) -> None:
    with exam[1].open("a", encoding="utf-8") as file:
        file.write("别的问题,B\n")
    said = invoke(*words(exam))
    assert (said.code, said.out) == (3, "")
    assert "p.csv:11: answers a question that is not" in said.err


def test_an_empty_file_ends_with_3_and_no_score(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.touch()
    said = invoke("score", "--task", "rouge_l", "--predictions", path, "--json")
    assert (said.code, said.out) == (3, "")
    assert "p.jsonl: is empty" in said.err


@pytest.mark.parametrize("option", ["--predictions", "--questions"])
def test_a_file_that_does_not_exist_ends_with_2(option: str, exam: tuple[Path, Path], tmp_path: Path) -> None:
    given = {"--predictions": exam[1], "--questions": exam[0]} | {option: tmp_path / "none"}
    said = invoke("score", "--task", "disc:single", *(word for pair in given.items() for word in pair))
    assert said.code == 2
    assert "none: no such file" in said.err


def test_an_endless_loop_scores_low_and_shows_as_repetition(tmp_path: Path) -> None:
    rows = [
        {"id": "a", "question": "问", "answer": "因此，" * 3000, "reference": "房东应当退还押金。", "finish_reason": "length"},
        {"id": "b", "question": "问", "answer": "房东应当退还押金。", "reference": "房东应当退还押金。", "finish_reason": "stop"},
    ]  # fmt: skip
    path = tmp_path / "p.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    said = invoke("score", "--task", "rouge_l", "--predictions", path, "--json")
    document = json.loads(said.out)
    assert document["rows"][0] < 0.1 and document["rows"][1] == pytest.approx(1, abs=1e-6)
    assert document["extra"]["repetition"] > 0.49 and document["extra"]["ended"] == 0.5
    assert (document["low"], document["high"]) == (None, None)
    assert "no interval from fewer than" in said.err


def test_nothing_to_score_is_null_with_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text(json.dumps({"id": "a", "answer": "甲", "reference": "甲", "seen": True}) + "\n", "utf-8")
    said = invoke("score", "--task", "rouge_l", "--predictions", path, "--json")
    document = json.loads(said.out)
    assert (said.code, document["score"], document["n"], document["rows"]) == (0, None, 0, [None])
    assert "warning: no answer could be scored" in said.err
    assert invoke("score", "--task", "rouge_l", "--predictions", path).out.startswith("rouge_l\trouge_l -\t")


def test_an_unknown_task_is_answered_with_near_names(tmp_path: Path) -> None:
    said = invoke("score", "--task", "lawbench:1_2", "--predictions", tmp_path / "p.json")
    assert said.code == 2
    assert "there is no task 'lawbench:1_2'\n  next: use one of: lawbench:1-2" in said.err


def test_a_name_like_no_other_is_answered_with_all() -> None:
    with pytest.raises(UsageError, match=r"lawbench:1-1.*citation.*rouge_l"):
        find_task("zzz")


def test_every_task_is_found_under_its_own_name() -> None:
    assert all(find_task(name).name == name for name in TASKS)
    assert {"disc:single", "disc:multiple", "lexeval:1_1", "citation", "rouge_l", "choice"} <= TASKS.keys()


def test_the_words_are_chinese_on_request(exam: tuple[Path, Path]) -> None:
    said = invoke(*words(exam, "--lang", "zh"))
    assert said.code == 0 and "下一步：用同一任务" in said.err
