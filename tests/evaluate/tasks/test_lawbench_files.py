"""LawBench's files: questions with their place in errors, prediction files and what is none."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loralab.errors import DataError
from loralab.evaluate.tasks.lawbench import LAWBENCH
from loralab.evaluate.tasks.lawbench_predictions import read_predictions
from loralab.evaluate.tasks.rows import SHOWN

EXAM = LAWBENCH["lawbench:1-2"]
ROWS = [
    {
        "instruction": "请选出答案。",
        "question": f"第{n}题。A:甲;B:乙;C:丙;D:丁。",
        "answer": f"正确答案：{letter}。",
    }
    for n, letter in enumerate("BDA")
]


def write(path: Path, value: Any) -> Path:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1), "utf-8")
    return path


def answer(
    prediction: object = "B", prompt: object = "第1题", refr: object = "正确答案：B。"
) -> dict[str, object]:
    return {"origin_prompt": prompt, "prediction": prediction, "refr": refr}


# ------------------------------------------------------------------------------------------ questions


def test_what_is_asked_is_instruction_and_question_on_two_lines(tmp_path: Path) -> None:
    items = EXAM.questions(write(tmp_path / "1-2.json", ROWS))
    assert [item.id for item in items] == ["0", "1", "2"]
    assert items[1].question == "请选出答案。\n第1题。A:甲;B:乙;C:丙;D:丁。"
    assert [m.role for m in items[1].conversation.messages] == ["user"]
    assert items[1].conversation.question == items[1].question
    assert items[1].reference == "正确答案：D。"


def test_json_lines_packed_or_not_give_the_same_questions(tmp_path: Path) -> None:
    expected = EXAM.questions(write(tmp_path / "a.json", ROWS))
    lines = "".join(json.dumps(row) + "\n" for row in ROWS)
    (tmp_path / "b.jsonl").write_text(lines, "utf-8")
    (tmp_path / "c.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    assert EXAM.questions(tmp_path / "b.jsonl") == expected
    assert EXAM.questions(tmp_path / "c.jsonl.gz") == expected


def test_every_row_that_is_no_question_is_named_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl"
    bad = [
        {**ROWS[0], "answer": "正确答案：E。"},
        {**ROWS[0], "answer": 3},
        {"question": "？", "answer": "B"},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in [ROWS[0], *bad]), "utf-8")
    with pytest.raises(DataError) as caught:
        EXAM.questions(path)
    problems = caught.value.problems
    assert [p.where for p in problems] == [f"{path}:{line}" for line in (2, 3, 4)]
    assert "正确答案：E。" in str(problems[0].what)
    assert "answer" in str(problems[1].what)
    assert "instruction" in str(problems[2].what)


def test_many_bad_rows_are_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "q.json", [{"question": "？"}] * (SHOWN + 15))
    with pytest.raises(DataError) as caught:
        EXAM.questions(path)
    assert len(caught.value.problems) == SHOWN + 1
    assert "15" in str(caught.value.problems[-1].what)


@pytest.mark.parametrize("text", ["", "[]", "[\n]"])
def test_a_file_without_questions_is_an_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "q.json"
    path.write_text(text, "utf-8")
    with pytest.raises(DataError, match=r"q\.json"):
        EXAM.questions(path)


# ------------------------------------------------------------------------------------------ predictions


@given(st.lists(st.text(max_size=20), min_size=1, max_size=20), st.randoms(use_true_random=False))
def test_predictions_come_back_in_the_order_of_their_numbers(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], order: Any
) -> None:
    path = tmp_path_factory.mktemp("p") / "p.json"
    entries = [(str(n), answer(text, f"问{n}", f"答{n}")) for n, text in enumerate(texts)]
    order.shuffle(entries)
    path.write_text(json.dumps(dict(entries)), "utf-8")
    assert [tuple(p) for p in read_predictions(path)] == [
        (str(n), f"问{n}", text, f"答{n}") for n, text in enumerate(texts)
    ]


def test_a_prompt_of_messages_becomes_their_texts(tmp_path: Path) -> None:
    prompt = [{"role": "HUMAN", "prompt": "指令\n问题"}, {"role": "BOT", "prompt": "答"}]
    path = write(tmp_path / "p.json", {"0": answer(prompt=prompt)})
    assert read_predictions(path)[0].prompt == "指令\n问题\n答"


def test_an_empty_answer_is_an_answer(tmp_path: Path) -> None:
    assert read_predictions(write(tmp_path / "p.json", {"0": answer("")}))[0].prediction == ""


def test_keys_that_are_no_numbers_keep_their_order(tmp_path: Path) -> None:
    path = write(tmp_path / "p.json", {"q2": answer(), "q1": answer(), "7": answer()})
    assert [p.key for p in read_predictions(path)] == ["q2", "q1", "7"]


def test_a_missing_number_is_named_unless_a_part_is_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path / "p.json", {"0": answer(), "3": answer()})
    with pytest.raises(DataError) as caught:
        read_predictions(path)
    assert ["'1'" in str(p) or "'2'" in str(p) for p in caught.value.problems] == [True, True]
    assert [p.key for p in read_predictions(path, whole=False)] == ["0", "3"]


def test_numbers_far_from_zero_are_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="numbered from 0"):
        read_predictions(write(tmp_path / "p.json", {"999999999999": answer()}))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("{}", "no prediction file"),
        ("[]", "no prediction file"),
        ('"text"', "no prediction file"),
        ('{"0": {}}\n{"1": {}}', "no prediction file"),
        ('{"0": {"origin_prompt": "a", "prediction": NaN, "refr": "b"}}', "NaN"),
        ('{\n"0": {"origin_prompt": "a", "prediction": NaN, "refr": "b"}\n}', "NaN"),
        ('{"0": {"origin_prompt": "a", "prediction": null, "refr": "b"}}', "'0' holds no text prediction"),
        ('{"0": {"origin_prompt": "a", "prediction": 1, "refr": "b"}}', "'0' holds no text prediction"),
        ('{"0": {"prediction": "a"}}', "'0' holds no text refr, origin_prompt"),
        ('{"0": {"origin_prompt": [{"role": "HUMAN"}], "prediction": "a", "refr": "b"}}', "origin_prompt"),
        ('{"0": "B"}', "'0' is no object"),
        ('{"0": {"origin_prompt": "a", "prediction": "b", "refr": "c"}, "0": {}}', "0"),
        ('{"0": {"origin_prompt": "a", "predic', "is not JSON"),
    ],
)
def test_anything_else_is_an_error_that_names_the_file(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "p.json"
    path.write_text(text, "utf-8")
    with pytest.raises(DataError) as caught:
        read_predictions(path)
    assert "p.json" in str(caught.value)
    assert says in str(caught.value)


def test_many_broken_answers_are_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "p.json", {str(n): "B" for n in range(SHOWN + 15)})
    with pytest.raises(DataError) as caught:
        read_predictions(path)
    assert len(caught.value.problems) == SHOWN + 1
    assert "15" in str(caught.value.problems[-1].what)
