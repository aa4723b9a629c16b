from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loralab.errors import DataError
from loralab.evaluate.tasks.base import Answered
from loralab.evaluate.tasks.choice import CHOICE, majority, questions, read_letters, score, set_f1
from loralab.evaluate.tasks.reference import REFERENCE, repetition

SETS = st.frozensets(st.sampled_from("ABCDE"), min_size=1)


@pytest.mark.parametrize(
    ("answer", "single", "letters"),
    [
        ("B", True, "B"), ("ｂ。", True, "B"), ("答案是 B，不是 A", True, "B"), ("A不对，应选C", True, "C"),
        ("A和C", False, "AC"), ("答案：A、C、D。B错误", False, "ACD"), ("B. 甲\nD. 乙", False, "BD"),
        ("答案：\nA. 甲\nC. 乙", False, "AC"), ("【C】", True, "C"), ("DNA鉴定", True, ""), ("不知道", True, ""),
        ("The answer is C because B fails", True, "C"), ("只有A", False, "A"), ("F", True, ""),
    ],
)  # fmt: skip
def test_answers_are_read_as_a_reader_would(answer: str, single: bool, letters: str) -> None:
    assert "".join(sorted(read_letters(answer, "ABCDE", single))) == letters


@given(SETS)
def test_the_right_options_in_any_form_are_right(right: frozenset[str]) -> None:
    letters = sorted(right)
    forms = [
        "".join(letters),
        "、".join(letters),
        f"答案：{'，'.join(letters)}。",
        "\n".join(f"{c}. 甲" for c in letters),
    ]
    rows = score([Answered("".join(letters), form) for form in forms])
    assert [row.value for row in rows] == [1.0] * len(forms)


@given(SETS, SETS)
def test_f1_is_1_for_the_same_set_alone(a: frozenset[str], b: frozenset[str]) -> None:
    assert (set_f1(a, b) == 1) == (a == b)
    assert set_f1(a, b) == set_f1(b, a)
    assert set_f1(frozenset(), b) == 0


def test_the_floor_is_the_best_constant_answer() -> None:
    assert majority(["A", "B", "B", "BA", "AB"]) == 0.4
    assert majority([]) is None


def test_csv_and_json_files_give_the_same_questions(tmp_path: Path) -> None:
    table, lines = tmp_path / "q.csv", tmp_path / "q.jsonl"
    table.write_text("question,A,B,C,answer\n问？,甲,乙,,ba\n", "utf-8")
    lines.write_text(json.dumps({"question": "问？", "options": ["甲", "乙"], "answer": "A,B"}), "utf-8")
    assert questions(table) == questions(lines)
    (item,) = CHOICE.questions(table)
    assert item.reference == "AB"
    assert item.conversation.question.endswith("问？\nA. 甲\nB. 乙\n答案：")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("问？,甲,乙,C", "q.csv:2: the answer 'C' is none of the options AB"),
        ("问？,甲,,A", "q.csv:2: has no options"), (",甲,乙,A", "q.csv:2: question is empty"),
    ],
)  # fmt: skip
def test_a_row_that_is_no_question_is_named(row: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "q.csv"
    path.write_text(f"question,A,B,answer\n{row}\n", "utf-8")
    with pytest.raises(DataError, match=message):
        questions(path)


def test_repetition_is_the_share_of_pieces_that_stood_there_before() -> None:
    assert repetition("依法") == 0
    assert repetition("abcdefghij") == 0
    assert repetition("a" * 108) == pytest.approx(100 / 101)


def test_reference_answers_are_scored_with_signs_of_trouble() -> None:
    task = REFERENCE["rouge_l"]
    rows = [
        Answered("应当赔偿", "应当赔偿", {"finish_reason": "stop"}),
        Answered("应当赔偿", " ", {"finish_reason": "length"}),
        Answered("应当赔偿", "应当赔偿", {"seen": True}), Answered("", "甲"),
    ]  # fmt: skip
    same, blank, seen, unasked = task.score(rows)
    assert (same.value, same.abstained) == (pytest.approx(1, abs=1e-6), False)
    assert same.extra == {"exact_match": 1.0, "length_ratio": 1.0, "repetition": 0.0, "ended": 1.0}
    assert (blank.value, blank.abstained, blank.extra["ended"]) == (0.0, True, 0.0)
    assert (seen.value, unasked.value) == (None, None)
    assert [r.value for r in REFERENCE["exact_match"].score(rows)] == [1.0, 0.0, None, None]
