"""A gold number in, how near an answer comes out: LawBench's prison terms in months, amounts of money in yuan."""

from __future__ import annotations

import math
import re
import unicodedata
from decimal import Decimal

from loralab.evaluate.tasks.base import RowScore
from loralab.evaluate.tasks.chinese_numbers import arabic, whole_number
from loralab.evaluate.tasks.lawbench_rule import Rule

TERM = re.compile(r"刑期:(\d{1,5})个月")
LIFE = ("死刑", "无期")
NO_TERM = "left out"  # what is read from such a reference
FARTHEST = math.log(216)  # the distance that an answer without a term is given; the score there is 0
MONTHS, MONTH, YEARS = (re.compile(rf"(?<!\d)(\d+){unit}") for unit in ("个月", "月", "年"))
LONGEST_YEARS = 25  # a fixed term of several charges, Criminal Law article 69; more is a date
SENTENCE = re.compile(r"(?<!\d)(\d{1,2})年(?:[零又]?(\d{1,3})个?月)?|(?<![年\d])(\d{1,3})个?月")

AMOUNT = re.compile(r"上文涉及到的犯罪金额:(\d+(?:\.\d+)?)元。")
NUMBER = re.compile(r"\d+\.?\d*")
SEPARATOR = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
SCALED = re.compile(r"(?<![\d.])(\d+(?:\.\d+)?)\s*([千万亿])")
SCALES = {"千": 1000, "万": 10_000, "亿": 100_000_000}


# ------------------------------------------------------------------------------------------ prison terms


def _months(reference: str) -> int | str | None:
    if any(word in reference for word in LIFE):
        return NO_TERM
    gold = TERM.fullmatch(reference)
    return int(gold[1]) if gold else None


def official_months(answer: str) -> int | None:
    """The first N个月, else the first N月 (also of a date), else 12 times the first N年; None without any."""
    text = arabic(answer)
    month = MONTHS.search(text) or MONTH.search(text)
    if month:
        return whole_number(month[1])
    year = YEARS.search(text)
    return 12 * whole_number(year[1]) if year else None


def sentence_months(answer: str) -> int | None:
    """The first prison term, with years and months added up; dates are none."""
    for years, and_months, months in SENTENCE.findall(arabic(unicodedata.normalize("NFKC", answer))):
        if not years:
            return int(months)
        if int(years) <= LONGEST_YEARS:
            return 12 * int(years) + int(and_months or 0)
    return None


def nearness(gold: int, months: int | None) -> float:
    """1 - |ln(gold + 1) - ln(months + 1)| / ln 216; 0 for no term, below 0 for one that is farther off still."""
    if months is None:
        return 0.0
    return 1 - abs(math.log(gold + 1) - math.log(months + 1)) / FARTHEST


def _score_term(answer: str, gold: int | str) -> RowScore:
    """No score where the reference is death or life: such rows are left out officially."""
    if not isinstance(gold, int):
        return RowScore(None)
    months = official_months(answer)
    return RowScore(
        nearness(gold, months), months is None, lenient=max(0.0, nearness(gold, sentence_months(answer)))
    )


TERM_RULE = Rule("log_distance", read=_months, row=_score_term, example="刑期:42个月")


# ------------------------------------------------------------------------------------------ amounts


def _amount(reference: str) -> float | None:
    gold = AMOUNT.fullmatch(reference)
    return float(gold[1]) if gold else None


def amounts(answer: str) -> list[float]:
    """Every number of an answer, with separators, 万 and Chinese numerals read."""
    text = SEPARATOR.sub("", unicodedata.normalize("NFKC", answer))
    text = SCALED.sub(lambda found: f"{Decimal(found[1]) * SCALES[found[2]]:f}", text)
    return [float(digits) for digits in NUMBER.findall(arabic(text))]


def _score_amount(answer: str, gold: float) -> RowScore:
    """Right where the gold amount is one of the numbers, whatever the others are."""
    found = [float(digits) for digits in NUMBER.findall(answer)]
    value = float(gold in found)
    near = any(abs(number - gold) < 0.005 for number in amounts(answer))
    return RowScore(value, not found, lenient=max(value, float(near)))


AMOUNT_RULE = Rule("accuracy", read=_amount, row=_score_amount, example="上文涉及到的犯罪金额:4600.0元。")
