"""Two texts in, ROUGE-L F out: exactly what LawBench's scorer (rouge_chinese 1.0.3 over jieba words) gives, faster.

That package computes one longest common subsequence over all words of both texts; its quirks are kept:
its sentence splitter, an empty word for a blank line, and 1e-8 in the denominator.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

from loralab.evaluate.jieba_words import cut_words

VERSION = "rouge_l/1"
BLANK = "无内容"
REFERENCES = 4096  # whose words are remembered


@cache
def _splitter() -> Any:
    from rouge_chinese import Rouge

    return Rouge(metrics=["rouge-l"])


def words(text: str) -> list[str]:
    """The words that ROUGE-L compares."""
    joined = " ".join(cut_words(text)) if text.strip() else BLANK
    lines = [" ".join(line.split()) for line in _splitter().cut_sent(joined) if line]
    return [word for line in lines for word in line.split(" ")]


def lcs_length(a: Sequence[str], b: Sequence[str]) -> int:
    """Length of the longest common subsequence, bit-parallel (Hyyrö 2004)."""
    positions: dict[str, int] = {}
    for index, word in enumerate(a):
        positions[word] = positions.get(word, 0) | (1 << index)
    full = (1 << len(a)) - 1
    row = full
    for word in b:
        match = row & positions.get(word, 0)
        row = ((row + match) | (row - match)) & full
    return len(a) - row.bit_count()


@lru_cache(REFERENCES)
def _reference_words(text: str) -> list[str]:
    """The same references are asked for again by every stage and every model."""
    return words(text)


def rouge_l(answer: str, reference: str) -> float:
    """ROUGE-L F of an answer, from 0 to 1."""
    hypothesis, target = words(answer), _reference_words(reference)
    common = lcs_length(target, hypothesis)
    recall, precision = common / len(target), common / len(hypothesis)
    return 2.0 * ((precision * recall) / (precision + recall + 1e-8))
