"""A numeral in any of the usual writings in, its value out."""

from __future__ import annotations

CIRCLES = "〇○◯O"
DIGITS = {"零": 0, "两": 2, "兩": 2} | dict.fromkeys(CIRCLES, 0)
for _row in ("一二三四五六七八九", "壹贰叁肆伍陆柒捌玖", "壹貳參肆伍陸柒捌玖", "弌弍弎肆伍陸柒捌玖"):
    DIGITS |= {c: value for value, c in enumerate(_row, start=1)}
DIGITS |= {str(value): value for value in range(10)}
UNITS = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1000, "仟": 1000, "万": 10_000, "萬": 10_000}
SHORT = {"廿": "二十", "卅": "三十"}
CHARACTERS = "".join([*DIGITS, *UNITS, *SHORT])
LONGEST = 15  # characters; a longer one is no number of an article


def parse(numeral: str) -> int:
    """The value of a numeral made of CHARACTERS, from 0.

    Reads words (一千零六十二), digits in a row (一〇六二, 1062), capitals (壹仟零陆拾贰), mixtures (1千零62) and
    words in which a unit is missing: what stands behind the last unit counts as it stands, so that 一千零六二
    is 1062 and 二百三 is 203, as a slip in the number of an article is meant, not 230, as it is in speech.
    """
    whole, below, pending = 0, 0, ""
    for character in "".join(SHORT.get(c, c) for c in numeral):
        unit = UNITS.get(character)
        if unit is None:
            pending += str(DIGITS[character])
            continue
        count = int(pending) if pending else None
        pending = ""
        if unit == 10_000:
            whole, below = (below + (count or 0) or 1) * unit, 0
        else:
            below += (1 if count is None or (count == 0 and unit == 10) else count) * unit
    return whole + below + int(pending or "0")


def is_blank(numeral: str) -> bool:
    """Whether it is circles alone, as in 第〇〇条: a place for a number that nobody filled in."""
    return set(numeral) <= set(CIRCLES)
