from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doubles.shared_data import SHARED, needs_shared_data, real_files
from loralab.errors import DataError
from loralab.evaluate.scoring import score_file
from loralab.evaluate.tasks.base import Answered, RowScore
from loralab.evaluate.tasks.disc import (
    DISC,
    JUDGED,
    RUN,
    STATED,
    extract,
    find_examples,
    read_questions,
    score,
)

HEADER = ["input", "output", "A", "B", "C", "D", "source", "multichoice"]
EXPECTED = SHARED / "disc" / "expected_accuracy.json"
CELLS = json.loads(EXPECTED.read_text("utf-8")) if EXPECTED.is_file() else []
KINDS = {"single": ("single", "sing"), "multi": ("multiple", "mult")}


def row(answer: str, gold: str = "B") -> RowScore:
    return score([Answered(gold, answer)])[0]


def exam(path: Path, *rows: list[str]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([HEADER, *rows])
    return path


@needs_shared_data
@pytest.mark.parametrize("cell", CELLS, ids=lambda c: f"{c['model']}-{c['kind']}-{c['exam']}")
def test_every_row_is_scored_as_the_official_expressions_do(cell: dict[str, str]) -> None:
    name, short = KINDS[cell["kind"]]
    result = score_file(
        DISC[f"disc:{name}"],
        SHARED / "disc/results" / cell["model"] / cell["kind"] / f"{cell['exam']}_results.csv",
        SHARED / "disc/datasets_objective" / f"mcq_{short}_{cell['exam']}.csv",
    )
    assert "".join(str(int(r.value or 0)) for r in result.rows) == cell["row_correct_official_regex"]
    assert 100 * (result.score or 0) == pytest.approx(float(cell["accuracy_official_regex_rerun"]), abs=1e-4)
    assert (result.missing, result.warnings) == (0, ())


@needs_shared_data
@pytest.mark.parametrize("path", real_files("disc/datasets_objective/*.csv"), ids=lambda p: p.stem)
def test_exams_are_asked_with_the_four_examples_beside_them(path: Path) -> None:
    item = read_questions(path, "multiple" if "mult" in path.name else "single")[0]
    asked = item.conversation.question
    assert item.data["shots"] == 4
    assert asked.count("\n答案：") == 5 and asked.endswith("\n答案：")
    assert "下面给出了4个样例" in asked and asked.index("下面是问题：") < asked.index(item.question)


@pytest.mark.parametrize(
    ("reply", "right"),
    [
        ("B", 1), ("B。", 1), ("答案是B选项", 1), ("A、C", 0), ("Ｂ", 0), ("b", 0),
        ("选B，因为A项说法过于绝对，应当排除。", 1), ("综上所述，本题答案为B。A、C、D均错误。", 1),
        ("A. 错误的说法\nB. 正确的说法", 0), ("选项B正确，其余的选项如C不正确。", 1),
        ("我认为本题中B选项正确，理由是A过于绝对", 1), ("这一题B属于错误的说法，因此不当选", 1),
    ],
)  # fmt: skip
def test_replies_score_as_the_official_order_of_expressions_has_it(reply: str, right: int) -> None:
    assert row(reply).value == right


def plainly(reply: str) -> str:
    """The official order of expressions, with none of them anchored."""
    plain = [[p.replace("@", f"({RUN}+)") for p in patterns] for patterns in (STATED, JUDGED)]
    for pattern in plain[0]:
        if found := re.search(pattern, reply):
            return str(found[1])
    for pattern in (r"[ABCD][.．]", *plain[1]):
        if matches := re.findall(pattern, reply):
            return "".join(matches)
    return reply


PIECES = st.sampled_from(
    ["A", "B", "C", "D", "、", "，", " ", "都", "属于", "是", "正确", "选项", "正确的", "正确答案", "答案", "选", "错", "</s>", "。", "．"]
)  # fmt: skip


@given(st.lists(PIECES, min_size=10, max_size=30).map("".join))
@settings(max_examples=200)
def test_anchored_expressions_find_what_the_plain_ones_find(reply: str) -> None:
    assert extract(reply) == plainly(reply)


def test_an_endless_run_of_letters_is_read_at_once() -> None:
    assert row("A, " * 100_000 + "无法判断").value == 0.0


def test_a_reply_below_ten_characters_is_its_own_answer() -> None:
    assert extract("答案是B不是A吗") == "答案是B不是A吗"
    assert extract("答案是B不是A对不对呢") == "B"


def test_a_reply_abstains_if_no_letter_is_extracted() -> None:
    assert [row(reply).abstained for reply in ("", "b", "Ｂ", "我认为本题应当选择第二个选项。")] == [True] * 4
    assert not row("A、C").abstained


def test_an_expression_that_finds_only_a_comma_decides_all_the_same() -> None:
    """选择， is found before any letter: the official scorer looks no further."""
    assert row("本题应当选择，依我看，B. 有效").abstained


@given(st.sets(st.sampled_from("ABCD"), min_size=1), st.text(max_size=30))
def test_the_exact_set_alone_is_right_under_both_readings(gold: set[str], noise: str) -> None:
    answer = "".join(sorted(gold))
    assert row(answer, answer).value == 1.0
    other = row(f"{answer}\n{noise}", answer)
    assert other.lenient is not None and other.lenient >= (other.value or 0)


def test_full_width_and_lower_case_letters_count_under_the_lenient_reading() -> None:
    assert [row(reply).lenient for reply in ("Ｂ", "b", "C")] == [1.0, 1.0, 0.0]


def test_all_four_letters_are_counted_apart() -> None:
    assert row("ABCD", "ABCD").extra == {"f1": 1.0, "chose_all": 1.0}
    assert row("AB", "ABCD").extra == {"f1": pytest.approx(2 / 3), "chose_all": 0.0}


def test_without_examples_the_question_is_asked_alone(tmp_path: Path) -> None:
    path = exam(tmp_path / "q.csv", ["问？", "B", "甲", "乙", "丙", "丁", "自拟", "False"])
    (item,) = read_questions(path, "single")
    assert find_examples(path, "single") is None
    assert item.data["shots"] == 0
    assert item.conversation.question.endswith("\n\n问？\nA. 甲\nB. 乙\nC. 丙\nD. 丁\n答案：")
    assert (item.question, item.reference) == ("问？", "B")


def test_a_question_of_the_other_kind_is_refused_with_its_line(tmp_path: Path) -> None:
    path = exam(tmp_path / "q.csv", ["问？", "BC", "甲", "乙", "丙", "丁", "自拟", "True"])
    with pytest.raises(DataError, match=r"q\.csv:2: is a question of the task disc:multiple"):
        read_questions(path, "single")


def test_every_row_that_is_no_question_is_named(tmp_path: Path) -> None:
    rows = [["", "B", *"甲乙丙丁", "s", "False"], ["问？", "", *"甲乙丙丁", "s", "False"]]
    with pytest.raises(DataError, match=r"q.csv:2: input is empty\n.*q.csv:3: output is empty"):
        read_questions(exam(tmp_path / "q.csv", *rows), "single")
