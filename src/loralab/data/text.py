"""A value of a row in, clean text out, with every repair noted."""

from __future__ import annotations

import math
import re
import unicodedata
from typing import Any

from loralab.data.reasons import BadRow
from loralab.words import Words, say

# code points that show nothing though their category is that of letters, marks or symbols: Default_Ignorable_Code_Point
# of Unicode (DerivedCoreProperties.txt) without those of category Cf, and the blank braille pattern
NOTHING = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]"
)
KINDS = {
    dict: say("an object"),
    list: say("a list"),
    bool: say("a boolean"),
    float: say("a number that is not finite"),
}


def clean_text(value: Any, name: str, repairs: set[str]) -> str:
    """The text of a field; nothing (null) is the empty text. Repairs are added to `repairs`.

    Numbers become text as Python writes them, so that 0.10 is 0.1; Unicode becomes NFC (UAX #15); white space
    at the end goes. All else stays byte for byte, line ends and byte order marks inside the text too.
    Raises BadRow: wrong_type for what is no text or finite number, bad_unicode for half surrogate pairs.
    """
    text = value if isinstance(value, str) else _as_text(value, name, repairs)
    if not text.isascii():
        text = _normal(text, name, repairs)
    stripped = text.rstrip()
    if len(stripped) != len(text):
        repairs.add("trailing_space")
    return stripped


def _as_text(value: Any, name: str, repairs: set[str]) -> str:
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise BadRow("wrong_type", say("{name} must be text, found {kind}", name=name, kind=kind(value)))
    repairs.add("number_to_text")
    return str(value)


def _normal(text: str, name: str, repairs: set[str]) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise BadRow("bad_unicode", say("{name} holds half of a surrogate pair", name=name)) from None
    if unicodedata.is_normalized("NFC", text):
        return text
    repairs.add("unicode_nfc")
    return unicodedata.normalize("NFC", text)


def printable(text: str) -> str:
    """The text with what UTF-8 cannot hold as escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def is_blank(text: str) -> bool:
    """Whether nothing is left of a text without spaces and characters that show nothing."""
    if text[:1].isalnum() and not NOTHING.match(text):
        return False
    return all(c.isspace() or unicodedata.category(c) in ("Cf", "Cc") or NOTHING.match(c) for c in text)


def is_absent(value: Any) -> bool:
    """Whether a field says nothing: null, a blank text, or a list of such."""
    if isinstance(value, list):
        return all(is_absent(item) for item in value)
    return value is None or (isinstance(value, str) and is_blank(value))


def kind(value: Any) -> Words | str:
    """What a value is, in words; for what JSON does not know, the name of its Python type."""
    return KINDS.get(type(value), type(value).__name__)
