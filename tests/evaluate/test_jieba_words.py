"""Words of a text: those of jieba itself, on any text."""

from __future__ import annotations

import json
import random
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doubles.shared_data import needs_shared_data, real_files
from loralab.evaluate.jieba_words import cut_words


@cache
def jieba() -> Any:
    import jieba

    return jieba.Tokenizer()


def peer(text: str) -> list[str]:
    return list(jieba().cut(text))


CHINESE = st.characters(min_codepoint=0x4E00, max_codepoint=0x9FD5)
MIXED = st.one_of(st.sampled_from("aA0+.-%#& ，。\n\r\u3000第条一二三的人"), CHINESE)


@given(st.text(max_size=40))
def test_any_text(text: str) -> None:
    assert cut_words(text) == peer(text)


@given(st.text(MIXED, max_size=40))
def test_chinese_with_letters_digits_and_marks(text: str) -> None:
    assert cut_words(text) == peer(text)


@given(st.text(CHINESE, min_size=2, max_size=3), st.randoms(use_true_random=False))
def test_the_same_characters_again_and_again(few: str, draw: random.Random) -> None:
    text = "".join(draw.choices(few, k=25))
    assert cut_words(text) == peer(text), "words that are equally likely"


def test_words_of_the_dictionary_in_a_row() -> None:
    jieba().initialize()
    known = sorted(word for word, count in jieba().FREQ.items() if count and len(word) > 1)
    generator, pieces = random.Random(0), [*known, *"A1-，。"]
    for _ in range(2000):
        text = "".join(generator.choices(pieces, k=generator.randrange(1, 9)))
        assert cut_words(text) == peer(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "第703条",
        "A-K",
        "1.22mg/L",
        "T恤",
        "卡拉OK",
        "3.5%",
        "www.x0.0rg",
        "哈哈哈哈哈哈哈哈",
        "王某某2011年1-4月",
    ],
)
def test_hard_ones(text: str) -> None:
    assert cut_words(text) == peer(text)


@needs_shared_data
@pytest.mark.parametrize(
    "file", real_files("lawbench/predictions/*/3-8.json"), ids=lambda path: path.parent.name
)
def test_answers_of_real_models(file: Any) -> None:
    rows = list(json.loads(file.read_text("utf-8")).values())[:100]
    for row in rows:
        assert cut_words(row["prediction"]) == peer(row["prediction"])
