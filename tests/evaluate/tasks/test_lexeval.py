from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loralab.errors import DataError
from loralab.evaluate.tasks.base import Answered
from loralab.evaluate.tasks.lexeval import (
    DEEPEST,
    LEXEVAL,
    extract,
    normalise,
    read_questions,
    rouge_l,
    score_choices,
    score_texts,
)  # fmt: skip

CHINESE = st.text(st.sampled_from("合同无效违约责任法院，。A1"), max_size=25)


def test_there_are_the_23_tasks() -> None:
    assert len(LEXEVAL) == 23
    assert [n for n, t in LEXEVAL.items() if t.metric == "rouge_l"] == [
        f"lexeval:5_{i}" for i in (1, 2, 3, 4)
    ]


@pytest.mark.parametrize(
    ("reply", "letters"),
    [
        ("B", "B"), ("A、C和D", "ACD"), ("答案：AC。解析：B错误", "AC"), ("分析：B", ""), ("DBA", "DBA"),
        ("AAB", ""), ("AAB C", "C"), ("A A B", "AB"), ("ABCDEA", "ABCDE"), ("b Ｂ", ""), ("A.B;C,D", "ABCD"),
    ],
)  # fmt: skip
def test_letters_are_extracted_as_the_official_scorer_does(reply: str, letters: str) -> None:
    assert extract(reply) == letters


def test_the_order_of_the_letters_matters_but_not_under_the_lenient_reading() -> None:
    (row,) = score_choices([Answered("AB", "BA")])
    assert (row.value, row.lenient, row.extra["f1"], row.abstained) == (0.0, 1.0, 1.0, False)
    assert score_choices([Answered("A", "无法判断")])[0].abstained


# values of rouge 1.0.1 over jieba 0.42.1 words after the official normalisation
@pytest.mark.parametrize(
    ("answer", "reference", "value"),
    [
        ("合同无效，应当返还财产。", "合同无效的，应当返还财产。", 0.9090909041322315),
        ("《民法典》第A条", "《民法典》第a条", 0.999999995),
        ("应当应当应当赔偿", "应当赔偿损失", 0.4999999950000001),
        ("", "你好", 0.0), ("。。", "你好", 0.0), ("你好", "。", 0.0),
    ],
)  # fmt: skip
def test_rouge_l_is_that_of_the_package(answer: str, reference: str, value: float) -> None:
    assert rouge_l(answer, reference)[0] == pytest.approx(value, abs=1e-12)


@given(CHINESE, CHINESE)
def test_rouge_l_lies_between_0_and_1(answer: str, reference: str) -> None:
    assert 0 <= rouge_l(answer, reference)[0] <= 1


@given(CHINESE.filter(normalise))
def test_a_text_is_like_itself_whatever_its_punctuation(text: str) -> None:
    assert rouge_l(f"“{text}” ！", text)[0] == pytest.approx(1, abs=1e-6)


def test_marks_that_the_official_list_lacks_stay() -> None:
    assert normalise("《民法典》 第 X 条。!") == "《民法典第x条"


def test_a_text_too_long_for_the_packages_recursion_scores_0_and_is_counted() -> None:
    short, long = "依法赔偿", "依法赔偿" + "甲乙" * DEEPEST
    kept, lost = score_texts([Answered(short, short), Answered(short, long)])
    assert (kept.value, kept.extra["zero_for_length"]) == (pytest.approx(1, abs=1e-6), 0.0)
    assert (lost.value, lost.extra["zero_for_length"]) == (0.0, 1.0)
    assert (lost.lenient or 0) > 0


def test_a_question_is_asked_as_the_benchmark_does(tmp_path: Path) -> None:
    path = tmp_path / "5_1.json"
    path.write_text(
        json.dumps({"instruction": "请写摘要。\n", "input": "案情", "answer": "摘"}) + "\n", "utf-8"
    )
    (item,) = LEXEVAL["lexeval:5_1"].questions(path)
    assert item.conversation.question == "请写摘要。\n案情\n摘要:"
    assert LEXEVAL["lexeval:1_1"].questions(path)[0].conversation.question.endswith("案情\n答案:")
    assert (item.id, item.question, item.reference) == ("0", "案情", "摘")


def test_a_row_without_its_fields_is_named(tmp_path: Path) -> None:
    path = tmp_path / "1_1.json"
    path.write_text(
        '{"instruction": "", "input": "问", "answer": "A"}\n{"instruction": "", "input": "问"}\n', "utf-8"
    )
    with pytest.raises(DataError, match=r"1_1\.json:2: has no field 'answer'"):
        read_questions(path, "答案:")
