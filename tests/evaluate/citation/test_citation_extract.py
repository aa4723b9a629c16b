"""Which articles a text cites, in the writings of courts, lawyers and models."""

from __future__ import annotations

import json
import random
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doubles.shared_data import SHARED, needs_shared_data, real_files
from loralab.evaluate.citation.extract import Citation, extract
from loralab.evaluate.citation.numerals import parse
from loralab.evaluate.citation.score import out_of_range, set_f1
from loralab.evaluate.citation.table import by_key

READING = "关于适用民事诉讼法的解释"

CASES = [
    ("依据《民法典》第５７７条", "民法典:577"),
    ("根据《中华人民共和国民法典》第一千零六二条", "民法典:1062"),
    ("《民法典》第1,062条", "民法典:1062"),
    ("**《民法典》**第**577**条", "民法典:577"),
    ("《民法典》 第 577 条", "民法典:577"),
    ("《户口登记条例》第第五条", "户口登记条例:5"),
    ("《刑法》第[315]条", "刑法:315"),
    ("《民法典》第五百七十七條", "民法典:577"),
    ("<民法典>第577条，〈民法典〉第578条，“民法典”第579条", "民法典:577 民法典:578 民法典:579"),
    ("<span>《民法典》</span>第577条", "民法典:577"),
    ("合同法》第107条，《民法典第577条", "合同法:107 民法典:577"),
    ("&lt;民法典&gt;第577条", "民法典:577"),
    # 之N
    ("《刑法》第一百三十三条之一第一款", "刑法:133-1"),
    ("刑法第133-1条", "刑法:133-1"),
    ("刑法第133之1条", "刑法:133-1"),
    ("《刑法》第二百八十七条之一、之二", "刑法:287-1 刑法:287-2"),
    ("《民法典》第五百七十七条之规定", "民法典:577"),
    ("《民法典》第十条之一般规定", "民法典:10"),
    # lists and ranges
    ("刑法第20、21条", "刑法:20 刑法:21"),
    ("法条:刑法第266、385、383、386条", "刑法:266 刑法:385 刑法:383 刑法:386"),
    ("《刑法》第234条、264条和第67条", "刑法:234 刑法:264 刑法:67"),
    ("《民法典》第五条至第八条、第十条", "民法典:5 民法典:8 民法典:10"),
    ("《民法典》第五至八条", "民法典:5 民法典:8"),
    ("《民法典》第5-8条", "民法典:5 民法典:8"),
    ("第一、第五百条", ""),
    ("《刑法》第二十条第一款、第三款，第二十一条第二款第（三）项和第（四）项", "刑法:20 刑法:21"),
    # the law
    ("民诉法第六十七条", "民事诉讼法:67"),
    ("《公司法（2018修正）》第183条", "公司法:183"),
    ("1999年《中华人民共和国合同法》第一百零七条", "合同法:107"),
    ("《民法典》婚姻家庭编第1079条，《民法典·合同编》第500条", "民法典:1079 民法典:500"),
    ("刑法总则第13条，民法总则第143条", "刑法:13 民法总则:143"),
    ("刑法264条", "刑法:264"),
    ("《民法典》577条", "民法典:577"),
    ("《民法典》三条规定", ""),
    ("《民法典》第577条。第584条规定", "民法典:577 民法典:584"),
    ("根据民诉法第六十七条，该法第68条", "民事诉讼法:67 民事诉讼法:68"),
    ("《劳动合同法》第38条，本法第46条", "劳动合同法:38 劳动合同法:46"),
    ("根据《民法典》的规定，合同有效。依据第502条", "民法典:502"),
    ("《工伤保险条例》第14条。《条例》第15条", "工伤保险条例:14 工伤保险条例:15"),
    (
        "《劳动合同法》第39条、工伤保险条例第37条、《社会保险法》第36条",
        "劳动合同法:39 工伤保险条例:37 社会保险法:36",
    ),
    ("海洋环境保护法第五条", "海洋环境保护法:5"),
    ("德国民法典第823条，《德国民法典》第826条", "德国民法典:823 德国民法典:826"),
    # interpretations are none of the law that they read
    ("《最高人民法院关于适用〈中华人民共和国民事诉讼法〉的解释》第九十条", f"{READING}:90"),
    ("《最高人民法院关于适用《中华人民共和国民事诉讼法》的解释》第九十条", f"{READING}:90"),
    ("最高人民法院《关于适用<中华人民共和国民事诉讼法>的解释》第九十条", f"{READING}:90"),
    ("最高人民法院关于适用《中华人民共和国民事诉讼法》的解释第90条", f"{READING}:90"),
    ("民诉法解释第九十条", f"{READING}:90"),
    (
        "公司法解释三第十条，《公司法司法解释（三）》第11条",
        "关于适用公司法的解释(三):10 关于适用公司法的解释(三):11",
    ),
    ("《刑法修正案（十一）》第五条", "刑法修正案(十一):5"),
    # no citations
    ("第3条规定", ""),
    ("合同第五条约定，根据《民法典》第577条", "民法典:577"),
    ("《民法典》第577条，乙方违反合同第五条、第六条。第584条规定", "民法典:577 民法典:584"),
    ("《租赁合同》第3条约定租金，第5条约定押金", ""),
    ("《劳动合同》第五条，《劳动合同法》第5条", "劳动合同法:5"),
    ("《民法典》关于租赁合同的第703条", "民法典:703"),
    ("《民法典》有规定。我有第三条建议", ""),
    ("向人民法院起诉，公司法人第三条，取消法定第2条", ""),
    # the text of an article refers to other articles
    ("《民法典》第602条：适用本法第五百一十条、第五百一十一条第四项的规定。", "民法典:602"),
    ("《劳动合同法》第10条规定：“依照本法第3条、第4条”，第17条规定：“略”", "劳动合同法:10 劳动合同法:17"),
    ("《公司法》第一百八十三条公司因本法第一百八十条第（一）项解散的", "公司法:183"),
    ("《保险法》第82条：“有《公司法》第一百四十六条的情形”。第83条", "保险法:82 保险法:83"),
]


def keys(text: str) -> set[tuple[str, int, int]]:
    """刑法:133-1 刑法:20 as keys."""
    found = (re.fullmatch(r"(.+):(\d+)(?:-(\d+))?", word) for word in text.split())
    return {(m[1], int(m[2]), int(m[3] or 0)) for m in found if m}


@pytest.mark.parametrize(("text", "expected"), CASES, ids=[text[:40] for text, _ in CASES])
def test_a_text_cites_these_articles_alone(text: str, expected: str) -> None:
    assert extract(text).keys == keys(expected)


@pytest.mark.parametrize(
    "number",
    [
        "X",
        "XX",
        "Ｘ",
        "x",
        "×",
        "*",
        "**",
        "_",
        "___",
        "…",
        "……",
        "某",
        "?",
        " ",
        "（）",
        "【】",
        "〇〇",
        "○",
        "N",
        "X百X",
        "5XX",
    ],
)
def test_a_placeholder_is_no_citation(number: str) -> None:
    found = extract(f"根据《民法典》第{number}条规定，应当赔偿。")
    assert (found.citations, found.placeholders) == ((), 1)


def test_paragraphs_and_items_stand_beside_the_key() -> None:
    (found,) = extract("《刑法》第一百三十三条之一第一款、第三款第（二）项").citations
    assert found == Citation("刑法", 133, 1, paragraphs=(1, 3), items=(2,))


def test_what_is_passed_over_is_counted() -> None:
    found = extract("第1条、第2条。合同第3条、第4条和5条。《民法典》第X条")
    assert (found.without_law, found.clauses, found.placeholders, found.keys) == (2, 3, 1, frozenset())


def test_a_carried_law_and_a_quoted_reference_are_marked() -> None:
    found = extract("《民法典》第602条：适用本法第510条。第603条").citations
    assert [(c.article, c.inherited, c.quoted) for c in found] == [
        (602, False, False),
        (510, True, True),
        (603, True, False),
    ]


def test_the_default_law_holds_until_another_is_named() -> None:
    found = extract("第264条、《民法典》第577条、第578条，合同第3条", default_law="中华人民共和国刑法")
    assert found.keys == keys("刑法:264 民法典:577 民法典:578")


LAWS = sorted(by_key())
FULL = st.builds(
    "根据《{}》第{}条{}的规定，{}。".format,
    st.sampled_from(LAWS),
    st.integers(1, 1300),
    st.sampled_from(["", "第一款", "之一", "第二款第（三）项"]),
    st.sampled_from(
        ["应当赔偿", "处三年以下有期徒刑", "用人单位与劳动者协商一致的，可以解除劳动合同", "公司法人应当登记"]
    ),
)


@given(st.lists(FULL, max_size=8), st.randoms(use_true_random=False))
def test_the_order_of_sentences_does_not_matter(sentences: list[str], shuffler: random.Random) -> None:
    shuffled = [*sentences]
    shuffler.shuffle(shuffled)
    assert extract("".join(shuffled)).keys == extract("".join(sentences)).keys


PIECES = ["第", "条", "《", "》", "〈", "民法典", "法", "合同", "五", "１", "、", "之一", "款", "“", "”", "：", "关于适用", "解释", "X", "\n", " ", "-", "<", "&lt;", "本法"]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=40) | st.text(max_size=40))
def test_any_text_is_read_to_its_end(pieces: list[str] | str) -> None:
    text = "".join(pieces)
    found = extract(text + "。\n根据《刑法》第264条")
    assert ("刑法", 264, 0) in {c.key for c in found.citations}


@pytest.mark.parametrize(
    "text",
    ["第1、" * 7000, "《" * 20_000, "第" + " " * 20_000, "《民法典》第1条" + " " * 20_000, "法" * 20_000, "第X" * 10_000,
     "刑法" + "1、" * 10_000, "关于适用《" * 4000, "第1条" + "第1款" * 7000, "《民法典》第一条：“" * 2000, "<" * 20_000],
    ids=lambda text: text[:9],
)  # fmt: skip
def test_a_text_without_end_takes_no_time_without_end(text: str) -> None:
    start = time.process_time()
    extract(text)
    assert time.process_time() - start < 20


def test_a_long_answer_is_read_to_its_end() -> None:
    sentence = "根据《中华人民共和国民法典》第五百七十七条、第584条和合同第三条，当事人一方不履行合同义务的，应当承担违约责任；刑法第264条。"
    assert len(extract(sentence * 300).citations) == 300 * len(extract(sentence).citations) > 0


@needs_shared_data
def test_given_laws_are_those_of_a_plain_pattern() -> None:
    head, strings = re.compile(r"《(?:中华人民共和国)?(.+?)》第(.+?)条"), []
    for path in real_files("lawyer_llama/*.json"):
        for row in json.loads(path.read_text("utf-8")):
            strings += row.get("laws") or [] if isinstance(row, dict) else []
    assert len(strings) > 3000
    for text in strings:
        match = head.match(text)
        assert match and extract(text).keys == {(match[1], parse(match[2]), 0)}, text


@needs_shared_data
def test_articles_of_the_criminal_law_score_as_lawbench_scores_them() -> None:
    path = SHARED / "lawbench" / "predictions" / "GPT-3.5-turbo-0613" / "3-1.json"
    pairs = [(row["prediction"], row["refr"]) for row in json.loads(path.read_text("utf-8")).values()]
    scores = [set_f1(extract(answer, "刑法").keys, extract(gold, "刑法").keys) for answer, gold in pairs]
    assert round(sum(scores) / len(scores), 4) == 0.2950


@needs_shared_data
def test_every_article_of_every_statute_is_read_and_exists() -> None:
    with (SHARED / "statutes" / "statutes.jsonl").open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    for row in rows:
        sub = row["article_sub"]
        key = (row["law"].removeprefix("中华人民共和国"), row["article"], sub)
        text = f"《{row['law']}》第{row['article']}条" + (f"之{sub}" if sub else "")
        assert extract(text).keys == {key} and not out_of_range(key)
        assert extract(f"{text}规定：“{row['text']}”").keys == {key}
