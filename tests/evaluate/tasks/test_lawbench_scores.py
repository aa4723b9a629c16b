"""LawBench's scorers on made answers: the official reading with its quirks, and the lenient one."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loralab.errors import DataError
from loralab.evaluate.tasks.base import Answered, RowScore
from loralab.evaluate.tasks.chinese_numbers import arabic
from loralab.evaluate.tasks.lawbench import LAWBENCH, RULES
from loralab.evaluate.tasks.lawbench_labels import CHARGES, DIVORCE_LABELS, TOPICS

REFERENCES = {
    "1-1": "答案:为了规范农民专业合作社的组织和行为，制定本法。",
    "1-2": "正确答案：B。",
    "2-3": "类别:不动产分割、有夫妻共同财产。",
    "2-4": "抵押担保",
    "2-5": "回答:陈2,孙3",
    "2-7": "12日，新京报网发布报道：蔚来回应尊重法院判决。",
    "2-8": "[正确答案]D<eoa>",
    "3-1": "法条:刑法第264、67条",
    "3-2": "根据《证券法》第一百五十四条的规定，应当设立证券结算风险基金。",
    "3-3": "罪名:盗窃;诈骗",
    "3-4": "刑期:42个月",
    "3-5": "刑期:无期",
    "3-6": "正确答案:C。",
    "3-7": "上文涉及到的犯罪金额:15457.0元。",
    "3-8": "回答:可以起诉。法律依据:《民法典》第二百三十八条。",
}
PIECES = [
    *"ABCDEabcＡＢ、第条款年月元万千百十两半零三六〇负点;；:。\n ", "[正确答案]", "<eoa>", "第二百六十四条", "三年六个月", "2016年5月",
    "15457", "15,457.00元", "1.5万元", "264", "２６４", "٣", "²", "百分之五", "三分之一", "零下三摄氏度", "死刑", "回答:", "答案:",
    "盗窃", "合同诈骗", "不动产分割", "抵押担保", "陈2", "9" * 30, "…", "\ud800", "\x00", "😀",
]  # fmt: skip
ANSWERS = st.one_of(st.text(max_size=80), st.lists(st.sampled_from(PIECES), max_size=25).map("".join))


def score(number: str, answer: str, reference: str | None = None) -> RowScore:
    return LAWBENCH[f"lawbench:{number}"].score([Answered(reference or REFERENCES[number], answer)])[0]


def test_the_tasks_are_the_fifteen_that_can_be_checked() -> None:
    assert set(LAWBENCH) == {f"lawbench:{number}" for number in REFERENCES}
    assert all(task.name == name for name, task in LAWBENCH.items())


# ------------------------------------------------------------------------------------------ every task


@pytest.mark.parametrize("number", sorted(REFERENCES))
@given(answer=ANSWERS)
@settings(max_examples=60, deadline=None)
def test_any_answer_has_a_score(number: str, answer: str) -> None:
    row = score(number, answer)
    if number == "3-5":
        assert row == RowScore(None)
        return
    assert row.value is not None
    assert math.isfinite(row.value)
    assert row.value <= 1
    assert row.value >= 0 or number == "3-4", "only a prison term can be worse than none"
    assert row.lenient is None or 0 <= row.lenient <= 1
    assert not (row.abstained and row.value), "nothing said, nothing won"


@pytest.mark.parametrize("number", sorted(REFERENCES))
@given(answers=st.lists(ANSWERS, max_size=6), order=st.randoms(use_true_random=False))
@settings(max_examples=15, deadline=None)
def test_a_score_depends_on_its_answer_alone(number: str, answers: list[str], order: Any) -> None:
    task = LAWBENCH[f"lawbench:{number}"]
    answered = [Answered(REFERENCES[number], answer) for answer in answers]
    first = task.score(answered)
    assert task.score(answered) == first
    places = list(range(len(answers)))
    order.shuffle(places)
    assert task.score([answered[place] for place in places]) == [first[place] for place in places]


PERFECT = {
    "1-2": "B", "2-3": "[类别]不动产分割、有夫妻共同财产<eoa>", "2-4": "[类别]抵押担保<eoa>", "2-8": "D", "3-1": "刑法第264条、刑法第67条",
    "3-3": "盗窃;诈骗", "3-4": "[刑期]42月<eoa>", "3-6": "C", "3-7": "15457元", "2-5": "孙3、陈2。",
    "1-1": "为了规范农民专业合作社的组织和行为，制定本法。",
}  # fmt: skip


@pytest.mark.parametrize("number", sorted(set(REFERENCES) - {"3-5"}))
def test_the_right_answer_scores_one_and_an_empty_one_nothing(number: str) -> None:
    assert score(number, PERFECT.get(number, REFERENCES[number])).value == pytest.approx(1, abs=1e-7)
    empty = score(number, "")
    assert empty.value == 0
    assert empty.abstained == (RULES[number].metric != "rouge_l" and number != "2-5")


ANY_TEXT = {"1-1", "2-5", "2-7", "3-2", "3-8"}  # tasks of which any text is a reference


@pytest.mark.parametrize("number", sorted(set(REFERENCES) - ANY_TEXT))
def test_a_reference_of_another_task_is_named(number: str) -> None:
    with pytest.raises(DataError) as caught:
        LAWBENCH[f"lawbench:{number}"].score(
            [Answered(REFERENCES[number], ""), Answered("无从知晓" * 99, "")]
        )
    assert f"lawbench:{number}" in str(caught.value)
    assert "answer 1" in str(caught.value)
    assert len(str(caught.value)) < 400


# ------------------------------------------------------------------------------------------ choices


EXPLAINED = ["[正确答案]B<eoa>", "正确答案是B，A项错误。", "B B B", "无法判断", "b", "[正确答案]Ｂ<eoa>"]


def test_an_explained_letter_counts_only_if_no_other_is_named() -> None:
    rows = [score("1-2", answer, "正确答案：B。理由略。") for answer in EXPLAINED]
    assert [row.value for row in rows] == [1, 0, 1, 0, 0, 0]
    assert [row.abstained for row in rows] == [False, False, False, True, True, True]
    assert [row.lenient for row in rows] == [1, 1, 1, 0, 1, 1]


@pytest.mark.parametrize(
    ("answer", "lenient"),
    [
        ("As a model: C", 1),
        ("A、B都错，[正确答案]C", 1),
        ("正确答案为：C", 1),
        ("AC", 0),
        ("ABC，正确答案是 C", 1),
        ("C错，选A", 1),
    ],
)
def test_the_lenient_letter_is_marked_or_alone_or_first(answer: str, lenient: float) -> None:
    assert score("3-6", answer).lenient == lenient


def test_letters_beyond_the_options_do_not_count() -> None:
    assert score("1-2", "E").abstained
    assert score("2-8", "E", "[正确答案]E<eoa>").value == 1
    assert score("1-2", "B E").value == 1
    assert score("2-8", "D E").value == 0


def test_a_topic_counts_only_if_no_other_is_named() -> None:
    assert score("2-4", "是抵押担保，不是债权债务").value == 0
    assert score("2-4", "是抵押担保，不是债权债务").lenient == 1
    assert score("2-4", "侵权").value == 0
    assert len(set(TOPICS)) == 20


def test_the_floor_is_the_share_of_the_most_frequent_option() -> None:
    references = ["正确答案：B。", "正确答案：C。", "正确答案：B。", "正确答案：A。"]
    assert LAWBENCH["lawbench:1-2"].floor(references) == 0.5
    assert LAWBENCH["lawbench:1-2"].floor([]) is None
    assert LAWBENCH["lawbench:3-1"].floor([REFERENCES["3-1"]]) is None


# ------------------------------------------------------------------------------------------ articles


@pytest.mark.parametrize(
    ("answer", "value", "abstained", "lenient"),
    [
        ("[法条]刑法第264条<eoa>", 1, False, 1),
        ("刑法第二百六十四条", 1, False, 1),
        ("刑法第２６４条", 1, False, 1),
        ("刑法第264条第1款", 0, True, 1),  # 第..款 begins at the first 第
        ("刑法第264条、第67条", 2 / 3, False, 2 / 3),
        ("盗窃罪", 0, True, 0),
        ("根据刑法第264条，判处罚金五千元、有期徒刑三年", 2 / 3, False, 1),
        ("第264条，第67条", 1, False, 2 / 3),  # only the first number of a piece is seen
    ],
)
def test_articles(answer: str, value: float, abstained: bool, lenient: float) -> None:
    row = score("3-1", answer, "法条:刑法第264条")
    assert (row.value, row.abstained, row.lenient) == (
        pytest.approx(value), abstained, pytest.approx(lenient)
    )  # fmt: skip


def test_articles_of_both_notations_are_read_from_a_reference() -> None:
    assert score("3-1", "刑法第64条、刑法第264条", "法条:刑法第64、264条").value == 1
    assert RULES["3-1"].read("法条:刑法第491条") is None
    assert RULES["3-1"].read("法条:刑法第条") is None


# ------------------------------------------------------------------------------------------ sets


def test_a_charge_inside_a_longer_one_counts_too() -> None:
    assert score("3-3", "合同诈骗罪", "罪名:合同诈骗").value == pytest.approx(2 / 3)
    assert score("3-3", "合同诈骗罪", "罪名:诈骗").value == pytest.approx(2 / 3)


def test_a_gold_charge_outside_the_list_cannot_be_won() -> None:
    assert "爆炸" not in CHARGES
    assert score("3-3", "爆炸罪", "罪名:爆炸") == RowScore(0.0, True)


def test_labels() -> None:
    assert score("2-3", "不动产分割").value == pytest.approx(2 / 3)
    assert score("2-3", "、".join(DIVORCE_LABELS)).value == pytest.approx(4 / 22)
    assert "婚后分居" not in DIVORCE_LABELS, "the benchmark writes 婚后分局"
    assert RULES["2-3"].read("类别:婚后分居。") is None


# ------------------------------------------------------------------------------------------ numbers


@pytest.mark.parametrize(
    ("answer", "official", "lenient"),
    [
        ("42个月", 42, 42), ("四十二个月", 42, 42), ("[刑期]42月<eoa>", 42, 42), ("三年六个月", 6, 42), ("三年", 36, 36),
        ("有期徒刑3年，缓刑60个月", 60, 36), ("2016年5月犯案，判处二年", 5, 24), ("2016年犯案", 2016 * 12, None), ("无期徒刑", None, None),
        ("两年", 24, 24), ("十月", 10, 10),
    ],
)  # fmt: skip
def test_prison_terms(answer: str, official: int | None, lenient: int | None) -> None:
    def nearness(months: int | None) -> float:
        return 0.0 if months is None else 1 - abs(math.log(43) - math.log(months + 1)) / math.log(216)

    row = score("3-4", answer)
    assert row.value == pytest.approx(nearness(official))
    assert row.abstained == (official is None)
    assert row.lenient == pytest.approx(max(0, nearness(lenient)))


@pytest.mark.parametrize("reference", ["刑期:死刑", "刑期:无期"])
def test_death_and_life_are_left_out(reference: str) -> None:
    assert score("3-4", "无", reference) == RowScore(None)


def test_endless_digits_end_nothing() -> None:
    for text in ("9" * 5000, "一" * 1000, "9.9" * 1000, "第" * 2000, "十" * 1000):
        assert score("3-1", f"第{text}条").value == 0
        assert math.isfinite(score("3-4", f"{text}个月").value or 0)
        assert score("3-7", text).value == 0


@pytest.mark.parametrize(
    ("answer", "value", "lenient"),
    [
        ("15457元", 1, 1), ("共计15457.00元", 1, 1), ("先15000元，后457元，共15457元", 1, 1), ("15,457元", 0, 1), ("1.5457万元", 0, 1),
        ("一万五千四百五十七元", 0, 1), ("15458元", 0, 0),
    ],
)  # fmt: skip
def test_amounts(answer: str, value: float, lenient: float) -> None:
    row = score("3-7", answer)
    assert (row.value, row.lenient) == (value, lenient)


def test_a_numeral_in_words_is_no_number_for_the_official_amount() -> None:
    assert score("3-7", "一万五千元").abstained


# ------------------------------------------------------------------------------------------ texts


def test_characters_are_counted_in_any_order_without_marks() -> None:
    assert score("2-5", "3孙，2陈！").value == 1
    assert score("2-5", "陈2").value == pytest.approx(2 / 3)
    assert score("2-5", "。", "回答:，").value == 1, "neither says anything"
    assert score("2-5", "X", "回答:x").value == 1


def test_the_mark_before_a_recited_article_is_no_part_of_it() -> None:
    bare = "为了规范农民专业合作社的组织和行为，制定本法。"
    assert score("1-1", bare).value == score("1-1", bare, bare).value
    assert score("3-8", bare, "答案:" + bare).value != score("3-8", bare, bare).value


# ------------------------------------------------------------------------------------------ numerals


def test_numerals_are_read_by_the_version_that_the_scores_were_made_with() -> None:
    """Later versions of cn2an leave these as they are, and scores would change without a word."""
    from importlib.metadata import version

    assert version("cn2an") == "0.5.22"
    assert arabic("两年半") == "2年0.5"
    assert arabic("第二百六十四条") == "第264条"


def test_a_numeral_that_cannot_be_read_stays() -> None:
    assert arabic("千百万") == "千百万"
