"""A text with Chinese numerals in, the text with Arabic ones out, as the cn2an that LawBench was scored with does.

Version 0.5.22 reads 半 as 0.5 and 两 as 2 wherever they stand; later versions do not, and give other scores.
"""

from __future__ import annotations

import re
import warnings
from functools import cache
from typing import Any

MAX_DIGITS = 4300  # of a whole number, as in Python; where the official code ends with an error
ENDLESS = re.compile(
    "([0-9]{32,})"
)  # cn2an's time grows with the cube of such a run: minutes for an answer of them


@cache
def _transform() -> Any:
    from cn2an import transform

    return transform


def arabic(text: str) -> str:
    """The text with its Chinese numerals replaced; those that cn2an cannot read stay as they are."""
    transform = _transform()
    with warnings.catch_warnings():  # it warns of every numeral that it cannot read
        warnings.simplefilter("ignore")
        return "".join(
            piece if ENDLESS.fullmatch(piece) else transform(piece, "cn2an") for piece in ENDLESS.split(text)
        )


def whole_number(digits: str) -> int:
    """The number that the digits say; of endless digits the first MAX_DIGITS."""
    return int(digits[:MAX_DIGITS])
