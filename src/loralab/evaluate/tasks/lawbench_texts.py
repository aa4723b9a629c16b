"""A reference text in, how much of it an answer says out: ROUGE-L as LawBench takes it, or shared characters."""

from __future__ import annotations

from collections import Counter

from loralab.evaluate.rouge import rouge_l
from loralab.evaluate.tasks.base import RowScore
from loralab.evaluate.tasks.lawbench_rule import Rule


def _text(reference: str) -> str | None:
    return reference if reference.strip() else None


def _recited(reference: str) -> str | None:
    return _text(reference.replace("答案:", ""))


def _said(reference: str) -> str:
    return reference.replace("回答:", "")


def _characters(text: str) -> Counter[str]:
    """Letters and digits in lower case, with how often each stands there."""
    return Counter(c for c in text.lower() if c.isdigit() or c.isalpha())


def characters_f1(answer: str, reference: str) -> float:
    """F1 of the characters that both texts hold, in any order (CJRC); 1 where neither holds any."""
    found, gold = _characters(answer), _characters(reference)
    if not found or not gold:
        return float(found == gold)
    common = (found & gold).total()
    if not common:
        return 0.0
    precision, recall = common / found.total(), common / gold.total()
    return 2 * precision * recall / (precision + recall)


def _score_rouge(answer: str, gold: str) -> RowScore:
    """Nobody abstains: the official scorer gives an empty answer the text 无内容."""
    return RowScore(rouge_l(answer, gold))


def _score_characters(answer: str, gold: str) -> RowScore:
    return RowScore(characters_f1(answer, gold))


RECITE_RULE = Rule("rouge_l", read=_recited, row=_score_rouge, example="答案:为了规范…，制定本法。")
ROUGE_RULE = Rule("rouge_l", read=_text, row=_score_rouge, example="根据《证券法》第一百五十四条的规定，…")
READING_RULE = Rule("f1", read=_said, row=_score_characters, example="回答:陈2,孙3")
