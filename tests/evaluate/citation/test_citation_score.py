"""The score of citations: F1 of articles as sets, and the signs of invention beside it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doubles.shared_data import SHARED, needs_shared_data, real_files
from loralab.evaluate.citation.score import floor, score
from loralab.evaluate.citation.table import by_key
from loralab.evaluate.citation.task import CITATION
from loralab.evaluate.tasks.base import Answered, RowScore

LAWS = sorted(by_key())
CITED = st.lists(
    st.builds("《{}》第{}条。".format, st.sampled_from(LAWS), st.integers(1, 400)), min_size=1, max_size=6
)


def one(answer: str, reference: str = "《民法典》第577条", **data: object) -> RowScore:
    (row,) = score([Answered(reference, answer, data)])
    return row


def test_value_is_the_f1_of_the_sets() -> None:
    row = one("《民法典》第577条、第577条、第578条和《刑法》第264条", "《民法典》第577条、第584条")
    assert row.value == pytest.approx(2 * (1 / 3) * (1 / 2) / (1 / 3 + 1 / 2))
    assert row.extra["precision"] == pytest.approx(1 / 3) and row.extra["recall"] == 0.5


def test_writing_does_not_matter_and_a_placeholder_scores_nothing() -> None:
    assert one("依据《民法典》第５７７条", "根据《中华人民共和国民法典》第五百七十七条").value == 1
    row = one("根据《民法典》第X条")
    assert (row.value, row.abstained, row.extra["placeholder"], row.extra["cites"]) == (0, True, 1, 0)


def test_a_reference_without_citation_leaves_the_row_out_but_not_its_signs() -> None:
    row = one("《民法典》第1750条", "应当赔偿。")
    assert row.value is None and not row.abstained
    assert row.extra == {"cites": 1, "placeholder": 0, "out_of_range": 1, "repealed": 0, "unknown_law": 0}


def test_a_row_that_was_trained_on_is_left_out() -> None:
    assert one("《民法典》第577条", seen=True).value is None
    assert one("《民法典》第577条", seen=False).value == 1


def test_signs_of_an_answer_without_citation_are_left_out_not_zero() -> None:
    assert set(one("应当赔偿。").extra) == {"precision", "recall", "law_hit", "cites", "placeholder"}


@pytest.mark.parametrize(
    ("answer", "out_of_range", "repealed", "unknown"),
    [
        ("《民法典》第1260条", 0, 0, 0), ("《民法典》第1261条", 1, 0, 0), ("《民法典》第零条", 1, 0, 0),
        ("《刑法》第133条之一", 0, 0, 0), ("《刑法》第264条之一", 1, 0, 0), ("《民法典》第5条之一", 1, 0, 0),
        ("《合同法》第107条", 0, 1, 0), ("《婚姻法》第52条", 1, 1, 0), ("《离婚法》第3条", 0, 0, 1),
        ("《海洋环境保护法》第900条", 0, 0, 0), ("《工伤保险条例》第900条", 0, 0, 0), ("《德国民法典》第823条", 0, 0, 0),
        ("《土地登记办法》第3条", 0, 0, 0), ("《民法典》第577条、第1261条", 0.5, 0, 0),
    ],
)  # fmt: skip
def test_invented_articles_repealed_and_unknown_laws_are_told_apart(
    answer: str, out_of_range: float, repealed: float, unknown: float
) -> None:
    extra = one(answer).extra
    assert (extra["out_of_range"], extra["repealed"], extra["unknown_law"]) == (
        out_of_range,
        repealed,
        unknown,
    )


@pytest.mark.parametrize(
    "law", ["婚姻法", "继承法", "民法通则", "收养法", "担保法", "合同法", "物权法", "侵权责任法", "民法总则"]
)
def test_the_nine_laws_of_article_1260_are_repealed(law: str) -> None:
    assert one(f"《{law}》第一条").extra["repealed"] == 1
    assert sum(known.repealed for known in by_key().values()) == 9


def test_the_right_law_counts_whatever_the_article() -> None:
    assert one("《民法典》第1条").extra["law_hit"] == 1
    assert one("《民法典》有规定").extra["law_hit"] == 1
    assert one("《刑法》第577条").extra["law_hit"] == 0


@given(CITED)
def test_a_text_agrees_with_itself(sentences: list[str]) -> None:
    text = "".join(sentences)
    row = one(text, text)
    assert (row.value, row.extra["precision"], row.extra["recall"], row.extra["law_hit"]) == (1, 1, 1, 1)


@given(CITED, CITED)
def test_value_lies_between_0_and_1_and_has_no_direction(answer: list[str], reference: list[str]) -> None:
    a, b = "".join(answer), "".join(reference)
    value, back = one(a, b).value, one(b, a).value
    assert value is not None and back is not None
    assert 0 <= value <= 1 and value == pytest.approx(back)


@given(st.lists(CITED.map("".join), min_size=1, max_size=5), CITED.map("".join))
def test_the_floor_is_no_less_than_any_single_article_scores(references: list[str], answer: str) -> None:
    best = floor(references)
    first = answer[: answer.index("。") + 1]
    values = [row.value for row in score([Answered(reference, first) for reference in references])]
    assert best is not None and best >= sum(v or 0 for v in values) / len(values) - 1e-9


def test_no_floor_where_nothing_is_cited() -> None:
    assert floor(["应当赔偿。"]) is None


def test_the_task_says_what_it_measures() -> None:
    assert (CITATION.name, CITATION.metric, CITATION.score) == ("citation", "f1", score)


@needs_shared_data
def test_every_real_reference_that_cites_agrees_with_itself() -> None:
    texts = [
        row["answer"] for row in json.loads((SHARED / "lawbench/data_zero_shot/3-8.json").read_text("utf-8"))
    ]
    for path in real_files("disc/qa_short_answer.sample.json") + real_files("lawyer_llama/fakao_gpt4.*.json"):
        texts += [row["output"] for row in json.loads(path.read_text("utf-8"))]
    values = [row.value for row in score([Answered(text, text) for text in texts])]
    assert {*values} == {1.0, None} and values.count(1.0) > 600
