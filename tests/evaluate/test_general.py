"""The general check: any answer is right or wrong by its rule, and the prompts come with the task."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doubles.command import invoke
from loralab.errors import DataError
from loralab.evaluate.general.rules import KINDS, language_of, meets, plain, problem_of
from loralab.evaluate.general.task import GENERAL, PROMPTS, questions, score
from loralab.evaluate.scoring import score_file
from loralab.evaluate.tasks.all import find_task
from loralab.evaluate.tasks.base import Answered, RowScore
from loralab.run.files import read_json_lines

ITEMS = {item.id: item for item in questions(PROMPTS)}
HAN = "押金合同法院是否北京，。"
RIGHT = {
    "zh-capital": "北京。", "zh-lines": "春风吹来。\n\n花儿开了。\n燕子归来。", "zh-in-english": "The capital is Paris.",
    "zh-json": '```json\n{"name": "李明", "age": 30}\n```', "zh-repeat": "“今天下午三点开会。”", "zh-sum": "４２",
    "zh-count": "1，2，3，4，5", "zh-translate": "Apple", "zh-opposite": "小", "zh-short": "太阳是一颗发光发热的恒星。",
    "zh-starts": "祝你生日快乐，天天开心！", "zh-yes": "是", "en-capital": "**Tokyo**",
    "en-lines": "The sea is blue.\nWaves rise.\nGulls cry.", "en-in-chinese": "晴天的天空是蓝色的。",
    "en-json": '{"city": "London"}', "en-repeat": "The train leaves at nine.", "en-product": "72.",
    "en-sort": "1,4,7,9", "en-translate": "水", "en-opposite": "Cold.", "en-two-words": "Cold, white.",
    "en-question": 'Where are you going?"', "en-yes": "Yes.",
}  # fmt: skip
WRONG = {
    "zh-capital": "中国的首都是北京。", "zh-lines": "春风吹来。花儿开了。", "zh-in-english": "法国的首都是巴黎（Paris）。",
    "zh-json": '{"name": "李明", "age": "30"}', "zh-repeat": "根据《民法典》，今天下午三点开会。", "zh-sum": "17 + 25 = 42",
    "zh-count": "1，2，3，4，5，6", "zh-translate": "苹果 apple", "zh-opposite": "“大”的反义词是“小”。",
    "zh-short": "太阳" * 16, "zh-starts": "生日快乐，祝你开心！", "zh-yes": "不是", "en-capital": "Tokyo, Japan",
    "en-lines": "The sea is blue.", "en-in-chinese": "The sky is blue (蓝).", "en-json": '["London"]',
    "en-repeat": "The train leaves at ten.", "en-product": "8 × 9 = 72", "en-sort": "9, 7, 4, 1", "en-translate": "water",
    "en-opposite": "The opposite is cold.", "en-two-words": "It is cold.", "en-question": "It is late.", "en-yes": "No.",
}  # fmt: skip


def scored(name: str, answer: str, **data: Any) -> RowScore:
    (row,) = score([Answered(ITEMS[name].reference, answer, data)])
    return row


def write(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


def test_there_are_24_prompts_half_of_them_chinese() -> None:
    assert Counter(name[:2] for name in ITEMS) == {"zh": 12, "en": 12}
    assert all(language_of(item.question) == name[:2] for name, item in ITEMS.items() if name != "zh-json")
    assert len({item.question for item in ITEMS.values()}) == 24


def test_every_kind_of_rule_is_used_by_a_prompt() -> None:
    used = {kind for item in ITEMS.values() for kind in json.loads(item.reference)["rule"]}
    assert used == set(KINDS)


@pytest.mark.parametrize("name", ITEMS)
def test_a_right_answer_meets_its_rule_a_wrong_one_does_not(name: str) -> None:
    assert (scored(name, RIGHT[name]).value, scored(name, WRONG[name]).value) == (1.0, 0.0)


@pytest.mark.parametrize("name", ITEMS)
def test_an_empty_answer_abstains_and_meets_nothing(name: str) -> None:
    for answer in ("", " \n\t"):
        row = scored(name, answer)
        assert (row.value, row.abstained) == (0.0, True)


@given(
    answer=st.one_of(
        st.text(),
        st.text("0123456789.,-{}[]\":`\n '" + HAN),
        st.sampled_from(["[" * 20_000, "```" + " " * 5_000, "9" * 5_000, "1," * 5_000, "\ud800"]),
    ),
    finish=st.sampled_from([None, "stop", "length"]),
)
def test_any_answer_gives_0_or_1_and_side_metrics_from_0_to_1(answer: str, finish: str | None) -> None:
    rows = score([Answered(item.reference, answer, {"finish_reason": finish}) for item in ITEMS.values()])
    assert {row.value for row in rows} <= {0.0, 1.0}
    assert all(0 <= value <= 1 for row in rows for value in row.extra.values())
    assert {row.extra.get("ended") for row in rows} == {None if finish is None else float(finish == "stop")}


@given(st.text())
def test_plain_text_stays_plain(text: str) -> None:
    again = plain(text)
    assert again == again.strip() and (not again or (again[0].isalnum() and again[-1].isalnum()))


@given(st.text())
def test_white_space_and_quotes_around_an_answer_change_nothing(text: str) -> None:
    rule = {"equals": ["cold"]}
    assert meets(text, rule) == meets(f" “{text}”\n", rule) or not text.strip()


@given(st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=6))
def test_numbers_are_read_as_they_are_written(values: list[int]) -> None:
    for form in ("{}", "{:,}", "{}.0"):
        assert meets("；".join(form.format(v) for v in values), {"numbers": values})
    assert not meets("；".join(map(str, [*values, 7])), {"numbers": values})


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("押金应当退还。", "zh"), ("Use LoRA.", "en"), ("请用 LoRA 微调", "zh"), ("42", None), ("Привет", None),
        ("ありがとう", None), ("The word 水 is short.", "en"), ("", None),
    ],
)  # fmt: skip
def test_the_language_of_an_answer(text: str, language: str | None) -> None:
    assert language_of(text) == language


def test_answering_in_the_wrong_language_shows_beside_the_rule() -> None:
    row = scored("en-capital", "东京", finish_reason="length")
    assert row.value == 0.0 and row.extra["right_language"] == 0.0 and row.extra["ended"] == 0.0
    assert scored("en-capital", "Tokyo").extra == {"repetition": 0.0, "right_language": 1.0}
    assert "right_language" not in scored("en-product", "72").extra


def test_a_word_inside_another_is_not_that_word() -> None:
    rule = {"contains": ["Paris"]}
    assert meets("It is Paris!", rule) and not meets("comparison", rule) and meets("在Paris。", rule)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"question": "?", "rule": {"line": 3}}, "there is no rule 'line'"),
        ({"question": "?", "rule": {"lines": 0}}, "the rule 'lines' takes a whole number from 1"),
        ({"question": "?", "rule": {"equals": ["!"]}}, "the rule 'equals' takes a list of texts"),
        ({"question": "?", "rule": {"numbers": [True]}}, "takes a list of numbers"),
        ({"question": "?", "rule": {"language": ["zh"]}}, "takes zh or en"),
        ({"question": "?", "rule": {}}, "rule must be an object"), ({"question": "?"}, "rule must be an object"),
        ({"question": "?", "rule": {"lines": 1}, "language": "fr"}, "language must be zh or en, found 'fr'"),
        ({"question": " ", "rule": {"lines": 1}}, "question is empty"),
    ],
)  # fmt: skip
def test_a_row_that_is_no_prompt_is_named_with_its_line(
    row: dict[str, Any], said: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "own.jsonl", {"question": "Write a line.", "rule": {"lines": 1}}, row)
    with pytest.raises(DataError) as caught:
        questions(path)
    assert said in str(caught.value) and f"{path}:2:" in str(caught.value)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=4),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(list(KINDS)), inner, max_size=3)))  # fmt: skip
def test_what_is_taken_for_a_rule_can_be_checked(value: Any) -> None:
    if problem_of(value) is None:
        assert meets("1. 押金\n[2]?", value) in (True, False)
    else:
        assert str(problem_of(value))


@pytest.mark.parametrize("reference", ["北京", "[]", "[" * 100_000, '{"rule": {"line": 1}}'])
def test_a_reference_that_is_no_rule_is_an_error_that_names_the_answer(reference: str) -> None:
    with pytest.raises(DataError, match="answer 1, counted from 0"):
        score([Answered(ITEMS["zh-yes"].reference, "是"), Answered(reference, "是")])


def test_predictions_are_scored_by_the_tasks_own_prompts(tmp_path: Path) -> None:
    answers = [{"id": name, "answer": RIGHT[name]} for name in reversed(ITEMS)]
    result = score_file(GENERAL, write(tmp_path / "p.jsonl", *answers))
    assert (result.score, result.n, result.ids) == (1.0, 24, tuple(ITEMS))


def test_a_prediction_that_is_missing_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "p.jsonl", *({"id": name, "answer": "是"} for name in list(ITEMS)[1:]))
    with pytest.raises(DataError, match="zh-capital"):
        score_file(GENERAL, path)
    assert score_file(GENERAL, path, missing="wrong").missing == 1


def test_a_users_own_prompts_take_the_place_of_the_built_in_ones(tmp_path: Path) -> None:
    own = write(tmp_path / "own.jsonl", {"id": "a", "question": "Write one line.", "rule": {"lines": 1}})
    assert score_file(GENERAL, write(tmp_path / "p.jsonl", {"id": "a", "answer": "One."}), own).n == 1


def test_a_model_is_asked_without_naming_questions_and_scored_again(tiny_model: Path, tmp_path: Path) -> None:
    assert find_task("general") is GENERAL
    out = tmp_path / "out"
    said = invoke("eval", tiny_model, "--task", "general", "--out", out, "--max-new-tokens", "4", "--json")
    assert said.code == 0, said.err
    entry = json.loads(said.out)["scores"]["general"]
    assert entry["accuracy"]["n"] == 24 and {"right_language", "ended", "repetition"} <= entry.keys()
    rows = read_json_lines(out / "predictions.jsonl")
    assert [row["reference"] for row in rows] == [item.reference for item in ITEMS.values()]
    again = score_file(GENERAL, out / "predictions.jsonl")
    assert (again.score, again.low, again.high) == tuple(
        entry["accuracy"][k] for k in ("value", "low", "high")
    )


def test_other_tasks_still_want_their_questions_named(tiny_model: Path, tmp_path: Path) -> None:
    said = invoke("eval", tiny_model, "--task", "choice", "--out", tmp_path / "out")
    assert said.code == 2 and "--questions" in said.err
