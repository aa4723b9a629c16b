"""ROUGE-L: exactly the numbers of rouge_chinese over jieba's words, as LawBench's scorer calls them."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loralab.evaluate.rouge import lcs_length, rouge_l

TEXTS = [
    "", " ", "\n", "\n\n", "　", "。", "...", "无内容", "依法处理。", "依法处理", "处理依法。",
    "房东应当在租期届满后退还押金；拒不退还的，可以向人民法院起诉。", "The landlord must return the deposit.",
    "根据《民法典》第703条，landlord 应当 return 押金。", "第一，协商。\n第二，仲裁！\n\n第三，诉讼？", "a  b   c", "a\tb\r\nc",
    "好" * 400, "依法处理。" * 120, "1234567890", "“引号”里的话。”后面", "!?。；…", "😀😀 表情", "\u3000缩进的段落\u3000",
]  # fmt: skip
PIECES = [
    "押金",
    "房东",
    "依法",
    "处理",
    "。",
    "，",
    "！",
    "?",
    " ",
    "\n",
    "law",
    "Act 12",
    "的",
    "第703条",
    "…",
    "”",
    "a",
]


def reference(answer: str, reference_text: str) -> float:
    """LawBench's own way to call the package: an empty text becomes 无内容, the words are joined by spaces."""
    import jieba
    from rouge_chinese import Rouge

    tokenizer = _tokenizer(jieba)
    texts = [" ".join(tokenizer.cut(t)) if t.strip() else "无内容" for t in (answer, reference_text)]
    return float(Rouge(metrics=["rouge-l"]).get_scores(*texts)[0]["rouge-l"]["f"])


def _tokenizer(jieba: Any, made: list[Any] = []) -> Any:  # noqa: B006  the dictionary is read once
    if not made:
        made.append(jieba.Tokenizer())
    return made[0]


@pytest.mark.parametrize("answer", TEXTS, ids=range(len(TEXTS)))
def test_hand_made_texts(answer: str) -> None:
    for text in TEXTS:
        assert rouge_l(answer, text) == pytest.approx(reference(answer, text), abs=1e-12)


def test_random_texts() -> None:
    generator = random.Random(0)
    for _ in range(200):
        a, b = ("".join(generator.choices(PIECES, k=generator.randrange(40))) for _ in range(2))
        assert rouge_l(a, b) == pytest.approx(reference(a, b), abs=1e-12), (a, b)


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_text(answer: str, text: str) -> None:
    assert rouge_l(answer, text) == pytest.approx(reference(answer, text), abs=1e-12)


@given(st.lists(st.sampled_from("abcd"), max_size=30), st.lists(st.sampled_from("abcd"), max_size=30))
def test_the_common_subsequence_is_the_longest(a: list[str], b: list[str]) -> None:
    table = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            table[i + 1][j + 1] = table[i][j] + 1 if x == y else max(table[i][j + 1], table[i + 1][j])
    assert lcs_length(a, b) == table[-1][-1]


def test_a_users_dictionary_does_not_change_scores() -> None:
    import jieba

    before = rouge_l("房东不退押金", "房东拒退押金")
    jieba.add_word("房东不退押金")
    jieba.add_word("房东拒退押金")
    assert rouge_l("房东不退押金", "房东拒退押金") == before


def test_extremes() -> None:
    assert rouge_l("依法处理", "依法处理") == pytest.approx(1, abs=1e-7)
    assert rouge_l("甲乙丙", "one two") == 0
    assert 0 < rouge_l("依法处理。" * 50, "依法处理。") < 0.1, "an endless loop does not score well"
