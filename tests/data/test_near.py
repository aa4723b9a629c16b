"""Asked questions that stand in training rows: found when copied, trimmed or reworded, not when only alike."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from doubles.shared_data import SHARED, needs_shared_data
from loralab.data.conversation import text_key
from loralab.data.doctor.near import SHINGLE, THRESHOLD, Hit, QuestionIndex, stem
from loralab.data.doctor.shingles import shingles

DEPOSIT = "租房合同到期后房东以墙面有污渍为由拒绝退还押金，租客可以怎么主张权利？"
LABOUR = "公司在试用期内以不符合录用条件为由解除劳动合同，却没有事先告知条件，是否合法？"
INSTRUCTION = "请你运用法律知识回答下列问题，只给出结论，不需要说明理由。"
CHOICE = "甲将房屋出租给乙，租期内又将房屋卖给丙，下列说法正确的是？"

HAN = st.text(st.sampled_from("甲乙丙丁法院合同租金违约责任赔偿Ab1"), max_size=60)


def numbers(index: QuestionIndex, *texts: str) -> list[int]:
    return [hit.number for hit in index.hits(texts)]


# ------------------------------------------------------------------------------------------- shingles


@given(st.text(max_size=400), st.integers(1, 20))
def test_a_run_of_characters_has_one_number_wherever_it_stands(text: str, width: int) -> None:
    whole = shingles(text, width)
    assert len(whole) == max(0, len(text) - width + 1)
    for at in range(0, len(whole), 7):
        assert whole[at] == shingles(text[at : at + width], width)[0]


@given(st.lists(st.text("甲乙ab", min_size=5, max_size=5), unique=True, max_size=60))
def test_different_runs_have_different_numbers(runs: list[str]) -> None:
    assert len({int(shingles(run, 5)[0]) for run in runs}) == len(runs)


def test_numbers_are_the_same_in_every_process() -> None:
    assert shingles("民法典第一千条", 7).tolist() == [6_811_054_937_446_131_341]


# ------------------------------------------------------------------------------------------- questions


@given(HAN, HAN)
def test_a_copy_is_found_inside_any_other_text(before: str, after: str) -> None:
    index = QuestionIndex([LABOUR, DEPOSIT])
    assert Hit(1, 1.0) in index.hits([before + DEPOSIT + after])


@pytest.mark.parametrize(
    "change",
    [
        lambda q: q.replace("，", ", ").replace("？", "?"), "\n".join, lambda q: f"**{q}**",
        lambda q: q.replace("，", "").replace("？", ""),
    ],
    ids=["ascii-marks", "line-breaks", "bold", "no-marks"],
)  # fmt: skip
def test_marks_and_spaces_do_not_hide_a_copy(change: Any) -> None:
    assert QuestionIndex([DEPOSIT]).hits([change(DEPOSIT)]) == [Hit(0, 1.0)]


LONG = st.text(st.sampled_from("甲乙丙丁法院合同租金违约责任赔偿Ab1"), min_size=SHINGLE, max_size=60)
PIECES = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 30), st.integers(13, 60)), max_size=4)


@given(st.lists(LONG, min_size=2, max_size=2), PIECES)
def test_the_share_is_that_of_the_questions_shingles(
    asked: list[str], pieces: list[tuple[int, int, int]]
) -> None:
    def runs(text: str) -> set[str]:
        key = text_key(text)
        return {key[i : i + SHINGLE] for i in range(len(key) - SHINGLE + 1)}

    texts = [asked[number][start : start + length] for number, start, length in pieces]
    held = set().union(*map(runs, texts))
    shares = [len(runs(question) & held) / len(runs(question)) for question in asked]
    expected = [Hit(number, share) for number, share in enumerate(shares) if share >= THRESHOLD]
    assert QuestionIndex(asked).hits(texts) == expected


def test_the_turns_of_a_row_count_together() -> None:
    half = len(DEPOSIT) // 2
    index = QuestionIndex([DEPOSIT])
    assert numbers(index, DEPOSIT[: half + 8]) == []
    assert numbers(index, DEPOSIT[: half + 8], DEPOSIT[half - 4 :]) == [0]


def test_a_question_of_the_same_kind_is_no_hit() -> None:
    assert (
        numbers(QuestionIndex([DEPOSIT, LABOUR]), "房东不退押金怎么办？", "公司违法解除劳动合同怎么赔偿？")
        == []
    )


def test_every_copy_of_an_asked_question_is_hit() -> None:
    assert numbers(QuestionIndex([DEPOSIT, LABOUR, DEPOSIT]), DEPOSIT) == [0, 2]


@given(st.permutations(range(4)))
def test_the_order_of_the_questions_does_not_matter(order: list[int]) -> None:
    asked = [DEPOSIT, LABOUR, CHOICE, "口头遗嘱有效吗？"]
    index = QuestionIndex([asked[i] for i in order])
    texts = [DEPOSIT[:30], LABOUR, "口头遗嘱有效吗"]
    assert sorted(order[n] for n in numbers(index, *texts)) == [0, 1, 3]


def test_no_question_and_no_text() -> None:
    assert QuestionIndex([]).hits([DEPOSIT, ""]) == []
    assert QuestionIndex(["", "？！", DEPOSIT]).hits(["", "甲"]) == []
    assert QuestionIndex([DEPOSIT]).hits([]) == []


# ------------------------------------------------------------------------------------- short questions


def test_a_short_question_is_found_only_as_the_whole_text() -> None:
    index = QuestionIndex(["口头遗嘱有效吗？", DEPOSIT])
    assert numbers(index, "口头遗嘱，有效吗") == [0]
    assert numbers(index, "请问口头遗嘱有效吗？") == []


# --------------------------------------------------------------------------------------- instructions


def questions(number: int, opening: str = "") -> list[str]:
    names = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨"
    pairs = [(a, b) for a in names for b in names if a != b]
    return [
        f"{INSTRUCTION}\n{opening}{a}某向{b}某借款{i * 7 + 100}元后拒不归还，{b}某在第{i}个月持借条起诉，{a}某以{b}某欠其货款抗辩，如何处理？"
        for i, (a, b) in enumerate(pairs[:number])
    ]


@pytest.mark.parametrize("number", [3, 5, 19, 60, 230])
def test_an_instruction_that_many_questions_share_neither_hides_a_copy_nor_makes_one(number: int) -> None:
    asked = questions(number)
    index = QuestionIndex(asked)
    alone = [question.partition("\n")[2] for question in asked]
    assert [numbers(index, text) for text in alone] == [[n] for n in range(number)]
    assert numbers(index, f"{INSTRUCTION}\n合伙人退伙后对此前的债务还要承担责任吗？") == []


def test_what_many_questions_begin_with_after_the_instruction_is_not_part_of_it() -> None:
    asked = [
        f"{INSTRUCTION}\n根据民法典{word}的，是哪一项？"
        for word in ("担保物权包括", "居住权可以设立在", "遗嘱无效情形下")
    ]
    asked += questions(60, "根据民法典，")
    index = QuestionIndex(asked)
    assert numbers(index, "根据民法典担保物权包括的，是哪一项？") == [0]


def test_a_short_question_after_an_instruction_is_found_without_it() -> None:
    asked = [
        f"{INSTRUCTION}\n{q}"
        for q in ("什么是居住权？", "什么是抵押权？", "什么是留置权？", "什么是地役权？")
    ]
    index = QuestionIndex(asked)
    assert numbers(index, "什么是留置权") == [2]
    assert numbers(index, asked[1]) == [1]
    assert numbers(index, f"{INSTRUCTION}\n什么是质权？") == []


def test_a_question_that_is_asked_many_times_is_still_found() -> None:
    assert numbers(QuestionIndex([DEPOSIT] * 40 + [LABOUR]), DEPOSIT) == list(range(40))


# -------------------------------------------------------------------------------------- multiple choice


@pytest.mark.parametrize(
    "form", ["A:{}B:{}C:{}D:{}", "A. {}\nB. {}\nC. {}", "\n(A) {} (B) {} (C) {}", "A、{}；B、{}；C、{}"]
)
def test_the_stem_ends_where_the_options_begin(form: str) -> None:
    assert (
        stem(CHOICE + form.format("买卖合同无效;", "租赁合同解除;", "乙有优先购买权;", "丙可以收回。"))
        == CHOICE
    )


@pytest.mark.parametrize(
    "text",
    ["甲公司与A公司签订合同，由B公司担保。", "请从A,B,C,D中选出一个，例如[正确答案]A<eoa>。", "A: 同意", "U.S.A. law, part B. is C. like A. this"],
)  # fmt: skip
def test_letters_alone_make_no_options(text: str) -> None:
    assert stem(text) == text


def test_other_options_do_not_hide_a_stem() -> None:
    index = QuestionIndex(
        [
            CHOICE
            + "A:买卖合同无效;B:租赁合同因房屋出卖而解除;C:乙在同等条件下有优先购买权;D:丙可以要求乙腾房。"
        ]
    )
    assert numbers(index, CHOICE.replace("下列说法正确的是", "下列说法对吗") + "\n丙可以立即收回房屋") == [0]
    assert numbers(index, "租赁合同因房屋出卖而解除吗？乙在同等条件下有优先购买权吗？") == []


def test_a_stem_that_says_nothing_is_compared_with_its_options() -> None:
    options = [
        "A:甲对乙的债权因时效届满而消灭;B:抵押权自登记时设立;C:质权可以由当事人约定放弃",
        "A:合同自成立时生效;B:要约可以撤销;C:承诺应当以通知的方式作出",
    ]
    index = QuestionIndex([f"下列说法正确的是？{text}" for text in options])
    assert numbers(index, "下列说法正确的是？" + options[1]) == [1]
    assert (
        numbers(index, "下列说法正确的是？A:自然人的民事权利能力一律平等;B:法人没有人格权;C:胎儿没有继承权")
        == []
    )


@pytest.mark.parametrize("text", ["A:" * 9000, "A:" + "B:" * 9000, "第" * 20000])
def test_texts_without_end_take_no_time_without_end(text: str) -> None:
    assert numbers(QuestionIndex([text]), text) == [0]


# ------------------------------------------------------------------------------------------ real rows


def real_rows(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """(file, texts of the user) of every row."""
    for path in sorted(folder.glob("*.json")):
        for found in json.loads(path.read_text("utf-8")):
            row = found[0] if isinstance(found, list) else found
            turns = [row.get(key) or "" for key in ("instruction", "input", "query")]
            yield path.name.partition(".")[0], ["\n".join(filter(None, turns)), *row.get("history", ())]


@needs_shared_data
def test_real_rows_that_hold_benchmark_questions_are_all_found() -> None:
    folder = SHARED
    known = json.loads((folder / "lawbench/overlap_with_shared_rows.json").read_text("utf-8"))["overlap"]
    expected = {
        (task[-3:], item, file) for task in known for file, items in known[task].items() for item in items
    }
    asked = {
        (task, at): f"{item['instruction']}\n{item['question']}"
        for task in ("1-2", "3-6")
        for at, item in enumerate(
            json.loads((folder / f"lawbench/data_zero_shot/{task}.json").read_text("utf-8"))
        )
    }
    index, items = QuestionIndex(asked.values()), list(asked)
    found = {
        (*items[hit.number], file)
        for file, texts in real_rows(folder / "lawyer_llama")
        for hit in index.hits(texts)
    }
    assert expected - found == set()
    # two more are the same question to the last option; the list leaves them out as their stems are short
    assert found - expected == {("1-2", 104, "fakao_gpt4"), ("1-2", 176, "fakao_gpt4")}


@needs_shared_data
@pytest.mark.parametrize("task", ["3-1", "3-3", "3-8"])
def test_real_questions_with_one_instruction_do_not_find_each_other(task: str) -> None:
    path = SHARED / f"lawbench/data_zero_shot/{task}.json"
    asked = [f"{item['instruction']}\n{item['question']}" for item in json.loads(path.read_text("utf-8"))]
    index = QuestionIndex(asked)
    found = np.array([len(index.hits([text])) for text in asked])
    assert (found == 1).all()
