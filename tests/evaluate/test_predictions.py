from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loralab.data.conversation import Conversation, Message
from loralab.errors import DataError, UsageError
from loralab.evaluate.joining import join, refuse_missing
from loralab.evaluate.predictions import Prediction, read_predictions
from loralab.evaluate.tasks.base import Item


def item(number: int, question: str, prompt: str = "", **data: Any) -> Item:
    return Item(str(number), Conversation((Message("user", prompt or question),)), question, "", data)


def asked(question: str | None, answer: str = "", id: str | None = None, **data: Any) -> Prediction:
    return Prediction(answer, "p:1", id, question, None, data)


def answers(items: Sequence[Item], predictions: Sequence[Prediction]) -> list[str | None]:
    return [p.answer if p else None for p in join(items, predictions)]


def jsonl(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


# ------------------------------------------------------------------------------------------------ reading


def test_rows_of_our_own_files_are_read(tmp_path: Path) -> None:
    path = jsonl(
        tmp_path / "after.jsonl",
        {
            "id": "a",
            "seen": True,
            "question": "问",
            "answer": "答 ",
            "reference": "参",
            "finish_reason": "stop",
        },
        {"id": 7, "question": "问", "answer": ""},
    )
    first, second = read_predictions(path)
    assert first == Prediction("答 ", f"{path}:1", "a", "问", "参", {"finish_reason": "stop", "seen": True})
    assert (second.answer, second.id, second.reference) == ("", "7", None)


@pytest.mark.parametrize("column", ["model_output", "qwen_response"])
def test_rows_of_disc_tables_are_read_with_their_options(column: str, tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(
            [["input", "A", "B", column], ["问\n二", "甲", "乙", "B"], ["三", "甲", "乙", ""]]
        )
    first, second = read_predictions(path)
    assert (first.question, first.answer, first.data) == ("问\n二", "B", {"choices": {"A": "甲", "B": "乙"}})
    assert (second.answer, second.place) == ("", f"{path}:4")


def test_rows_of_lexeval_hold_the_gold_answer_under_answer(tmp_path: Path) -> None:
    (row,) = read_predictions(
        jsonl(tmp_path / "l.jsonl", {"input": "问\n答案:", "output": "选B", "answer": "B"})
    )
    assert (row.question, row.answer, row.reference) == ("问\n答案:", "选B", "B")


def test_a_lawbench_object_is_read_without_its_positions_as_ids(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    row = {"origin_prompt": [{"role": "HUMAN", "prompt": "问"}], "prediction": "B", "refr": "正确答案：B。"}
    path.write_text(json.dumps({"0": row}), "utf-8")
    (read,) = read_predictions(path)
    assert (read.id, read.question, read.answer, read.reference) == (None, "问", "B", "正确答案：B。")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"id": "a", "text": "x"}, "p.jsonl:1: holds no answer; its fields are: 'id', 'text'"),
        ({"id": "a", "answer": None}, "p.jsonl:1: answer is null"),
        ({"id": "a", "answer": 3}, "p.jsonl:1: answer must be text, found int"),
        ({"id": [1], "answer": "x"}, "p.jsonl:1: id must be text, found a list"),
    ],
)  # fmt: skip
def test_a_row_without_a_usable_answer_is_named(row: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        read_predictions(jsonl(tmp_path / "p.jsonl", row))


@pytest.mark.parametrize("text", ["", "  \n", "[]", "{}"])
def test_a_file_without_predictions_is_an_error_that_names_it(text: str, tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text(text, "utf-8")
    with pytest.raises(DataError, match=r"p\.jsonl"):
        read_predictions(path)


def test_a_file_that_does_not_exist_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"p\.jsonl: no such file"):
        read_predictions(tmp_path / "p.jsonl")


def test_an_id_that_stands_twice_is_named_with_both_places(tmp_path: Path) -> None:
    rows = [{"id": "a", "answer": "x"}, {"id": "a", "answer": "y"}]
    with pytest.raises(DataError, match=r"p.jsonl:2: the id 'a' has been answered already, at .*p.jsonl:1"):
        read_predictions(jsonl(tmp_path / "p.jsonl", *rows))


# ------------------------------------------------------------------------------------------------ joining


@given(st.permutations(range(6)), st.booleans())
def test_the_order_of_the_predictions_does_not_matter(order: list[int], by_id: bool) -> None:
    items = [item(i, f"第{i}题？") for i in range(6)]
    predictions = [asked(f"第{i}题？", f"答{i}", str(i) if by_id else None) for i in order]
    assert answers(items, predictions) == [f"答{i}" for i in range(6)]


def test_questions_that_are_alike_are_joined_in_order_of_appearance() -> None:
    items = [item(0, "同"), item(1, "异"), item(2, "同")]
    assert answers(items, [asked("同", "一"), asked("同", "二"), asked("异", "三")]) == ["一", "三", "二"]


def test_of_questions_that_are_alike_the_one_with_the_same_options_is_taken() -> None:
    items = [item(i, "同", choices={"A": text}) for i, text in enumerate("甲乙")]
    assert answers(items, [asked("同", text, choices={"A": text}) for text in "乙甲"]) == ["甲", "乙"]


def test_spaces_punctuation_and_width_do_not_separate_a_question_from_itself() -> None:
    assert answers([item(0, "第１题：有效吗？")], [asked(" 第1题:有效吗", "是")]) == ["是"]


def test_a_prompt_in_a_template_belongs_to_the_question_that_it_ends_with() -> None:
    """The example before it is a question of the file as well, and one question ends another."""
    items = [item(0, "甲案如何处理？"), item(1, "乙案如何处理？"), item(2, "案如何处理？")]
    shown = [asked(f"<s>例：{items[1 - i].question}\n问：{items[i].question}</s>", str(i)) for i in (1, 0)]
    assert answers(items[:2], shown) == ["0", "1"]
    plain = [asked(f"问：{items[i].question}", str(i)) for i in (0, 1, 2)]
    assert answers(items, plain) == ["0", "1", "2"]


def test_a_whole_prompt_is_known_too() -> None:
    assert answers([item(0, "问？", "请回答：\n问？\n答案：")], [asked("请回答：\n问？\n答案：", "是")]) == [
        "是"
    ]


def test_ids_of_another_file_do_not_hinder_a_join_by_question() -> None:
    assert answers([item(0, "问？")], [asked("问？", "是", id="4f2c")]) == ["是"]


@pytest.mark.parametrize(
    ("prediction", "message"),
    [
        (asked("别的问题", id=None), "p:1: answers a question that is not .* in the questions file: 别的问题"),
        (asked(None, id="x"), "p:1: the id 'x' is none of the questions' ids"),
        (asked(None), "p:1: has neither an id nor a question"),
        (asked("乙？", id="0"), "p:1: the question of the id '0' is another one"),
    ],
)  # fmt: skip
def test_a_prediction_that_belongs_to_no_question_is_named(prediction: Prediction, message: str) -> None:
    with pytest.raises(DataError, match=message):
        join([item(0, "甲？"), item(1, "乙？")], [prediction])


def test_a_question_answered_more_often_than_asked_is_named() -> None:
    with pytest.raises(DataError, match="no more often"):
        join([item(0, "同")], [asked("同"), asked("同")])


def test_one_foreign_id_is_named_although_the_others_fit() -> None:
    with pytest.raises(DataError, match="the id '9' is none"):
        join([item(0, "甲"), item(1, "乙")], [asked("甲", id="0"), asked("乙", id="9")])


def test_missing_predictions_are_named_with_their_question(tmp_path: Path) -> None:
    items = [item(i, f"第{i}题？") for i in range(20)]
    with pytest.raises(
        DataError, match=r"p\.csv: 19 of 20 questions have no prediction: 1 \(第1题？\), .*, \.\.\."
    ):
        refuse_missing(items, join(items, [asked("第0题？")]), Path("p.csv"))
    refuse_missing(items[:1], join(items[:1], [asked("第0题？")]), Path("p.csv"))
