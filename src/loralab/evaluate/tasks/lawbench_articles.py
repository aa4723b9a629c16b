"""Articles of the Criminal Law in, how well an answer names them out: the numbers' set F1 of LawBench 3-1."""

from __future__ import annotations

import re
import unicodedata

from loralab.evaluate.tasks.base import RowScore
from loralab.evaluate.tasks.chinese_numbers import arabic, whole_number
from loralab.evaluate.tasks.lawbench_rule import Rule, set_f1

GOLD = re.compile(r"法条:刑法第(\d+条?(?:、\d+条?)*)条")
LAST_ARTICLE = 490  # the official code's bound of references
NUMBER = re.compile(r"\d+")
PARAGRAPH = re.compile("第(.*?)款")
ARTICLE = re.compile("第(.*?)条")
# A number that may be an article: none of a paragraph, an amount, a term or a date
CITED = re.compile(r"(?<![\d.之])\d+(?![\d.]|\s*(?:[款项目元万岁年月日人次克%]|个月))")


def _gold(reference: str) -> set[int] | None:
    gold = GOLD.fullmatch(reference)
    articles = {whole_number(digits) for digits in NUMBER.findall(gold[1])} if gold else set()
    return articles if articles and max(articles) <= LAST_ARTICLE else None


def official_articles(answer: str) -> set[int]:
    """The first number of each piece between 、, when 第..款 is deleted and 第..条 unwrapped.

    As the official code does: 第264条第1款 is deleted whole, since 第..款 begins at the first 第.
    """
    found = set()
    for piece in answer.split("、"):
        bare = PARAGRAPH.sub("", piece.replace("万元", "元"))
        number = NUMBER.search(arabic(ARTICLE.sub(r"\1", bare)))
        if number:
            found.add(whole_number(number[0]))
    return found


def all_articles(answer: str) -> set[int]:
    """Every number that may be an article of the Criminal Law."""
    text = arabic(unicodedata.normalize("NFKC", answer))
    return {n for digits in CITED.findall(text) if 0 < (n := whole_number(digits)) <= LAST_ARTICLE}


def _score(answer: str, gold: set[int]) -> RowScore:
    found = official_articles(answer)
    return RowScore(set_f1(gold, found), not found, lenient=set_f1(gold, all_articles(answer)))


ARTICLE_RULE = Rule("f1", read=_gold, row=_score, example="法条:刑法第264、67条")
