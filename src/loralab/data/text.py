"""A value of a row in, clean text out, with every repair noted."""

from __future__ import annotations

import unicodedata
from typing import Any

from loralab.data.reasons import BadRow
from loralab.words import say


def clean_text(value: Any, name: str, repairs: set[str]) -> str:
    """The text of a field. Repairs (NFC, trailing space, numbers) are added to `repairs`.

    Raises BadRow: wrong_type for what is no text or number, bad_unicode for half surrogate pairs.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        repairs.add("number_to_text")
        value = str(value)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadRow("wrong_type", say("{name} must be text, found {kind}", name=name, kind=_kind(value)))
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise BadRow("bad_unicode", say("{name} holds half of a surrogate pair", name=name)) from None
    return _repair(value, repairs)


def _repair(text: str, repairs: set[str]) -> str:
    normal = unicodedata.normalize("NFC", text)
    if normal != text:
        repairs.add("unicode_nfc")
    stripped = normal.rstrip()
    if stripped != normal:
        repairs.add("trailing_space")
    return stripped


def printable(text: str) -> str:
    """The text with what UTF-8 cannot hold as escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def is_blank(text: str) -> bool:
    """Whether nothing is left of a text without spaces, zero-width and format characters."""
    return all(c.isspace() or unicodedata.category(c) in ("Cf", "Cc") for c in text)


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", bool: "a boolean"}
    return names.get(type(value), type(value).__name__)
