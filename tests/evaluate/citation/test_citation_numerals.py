"""Numerals of articles: every writing of a number is that number."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from loralab.evaluate.citation.extract import extract
from loralab.evaluate.citation.numerals import is_blank, parse

PLAIN, CAPITAL = "零一二三四五六七八九", "零壹贰叁肆伍陆柒捌玖"


def words(number: int, digits: str = PLAIN, units: str = "十百千") -> str:
    """1062 as 一千零六十二."""
    places = [(number // 10**place % 10, place) for place in (3, 2, 1, 0) if number >= 10**place]
    text = "".join(
        digits[digit] + (units[place - 1] if place else "") if digit else "零" for digit, place in places
    )
    while "零零" in text:
        text = text.replace("零零", "零")
    return text.rstrip("零")


def short_ten(number: int) -> str:
    """12 as 十二."""
    return words(number).removeprefix("一") if 10 <= number < 20 else words(number)


def no_unit_behind_zero(number: int) -> str:
    """1062 as 一千零六二, a frequent slip."""
    text = words(number)
    head, zero, tail = text.rpartition("零")
    return head + zero + tail.replace("十", "") if zero and not tail.endswith("十") else text


WRITINGS: dict[str, Callable[[int], str]] = {
    "arabic": str,
    "full-width": lambda n: str(n).translate({ord("0") + i: 0xFF10 + i for i in range(10)}),
    "words": words,
    "ten without one": short_ten,
    "circle": lambda n: words(n).replace("零", "〇"),
    "large circle": lambda n: words(n).replace("零", "○"),
    "digits": lambda n: "".join(PLAIN[int(d)] for d in str(n)),
    "digits with circle": lambda n: "".join(PLAIN[int(d)] for d in str(n)).replace("零", "〇"),
    "capitals": lambda n: words(n, CAPITAL, "拾佰仟"),
    "liang": lambda n: words(n).replace("二千", "两千").replace("二百", "两百"),
    "unit left out": no_unit_behind_zero,
    "zero left out": lambda n: words(n).replace("零", ""),
}


@pytest.mark.parametrize("writing", WRITINGS)
def test_every_number_is_read_in_every_writing(writing: str) -> None:
    write = WRITINGS[writing]
    wrong = [n for n in range(1, 10_000) if extract(f"《民法典》第{write(n)}条").keys != {("民法典", n, 0)}]
    assert wrong == []


def test_the_writings_are_what_they_say() -> None:
    written = {name: write(1062) for name, write in WRITINGS.items()}
    assert (written["words"], written["unit left out"], written["digits"], written["capitals"]) == (
        "一千零六十二", "一千零六二", "一零六二", "壹仟零陆拾贰",
    )  # fmt: skip
    assert (short_ten(12), WRITINGS["liang"](2200), WRITINGS["zero left out"](203)) == (
        "十二",
        "两千两百",
        "二百三",
    )


@pytest.mark.parametrize(
    ("numeral", "value"),
    [("1千零62", 1062), ("2百四十", 240), ("廿五", 25), ("卅", 30), ("一万零一", 10001), ("0", 0)],
)
def test_mixtures_are_read(numeral: str, value: int) -> None:
    assert parse(numeral) == value


def test_circles_alone_are_no_number() -> None:
    assert is_blank("〇〇") and is_blank("○") and not is_blank("一〇") and not is_blank("零")
