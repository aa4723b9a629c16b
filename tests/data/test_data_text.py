"""Values as clean text."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loralab.data.reasons import BadRow
from loralab.data.text import clean_text, is_blank, printable


@given(st.text())
def test_clean_text_is_clean_and_stays_so(text: str) -> None:
    repairs: set[str] = set()
    clean = clean_text(text, "input", repairs)
    assert clean == clean.rstrip()
    assert unicodedata.is_normalized("NFC", clean)
    assert bool(repairs) == (clean != text)
    again: set[str] = set()
    assert clean_text(clean, "input", again) == clean
    assert not again


@pytest.mark.parametrize(("value", "text"), [(5, "5"), (-1.5, "-1.5"), (0, "0"), (None, "")])
def test_numbers_are_text(value: object, text: str) -> None:
    assert clean_text(value, "output", set()) == text


@pytest.mark.parametrize("value", [True, [], {}, ["a"]])
def test_other_values_are_refused(value: object) -> None:
    with pytest.raises(BadRow, match="wrong_type"):
        clean_text(value, "output", set())


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "\t\r\n", "\u3000", "\u200b\u200d", "\ufeff", "\u2060\u00ad", "\0", "\u034f", "\u115f\u1160", "\u17b4\u17b5",
        "\u180b\u180c\u180d\u180e\u180f", "\u3164", "\uffa0", "\ufe00\ufe0f", "\u2800", "\U000e0100", "\u3164 \u200b",
    ],
)  # fmt: skip
def test_blank(text: str) -> None:
    assert is_blank(text)
    assert not is_blank(text + "。")
    assert not is_blank("。" + text)


@pytest.mark.parametrize("text", ["\u1161", "\u2801", "\u0301", "\uac00", "\ufe10", "\u17b6", "a\ufe0f"])
def test_what_is_seen_is_not_blank(text: str) -> None:
    assert not is_blank(text)


@given(st.text(st.characters()))
def test_printable_text_can_be_written(text: str) -> None:
    shown = printable(text)
    assert shown.encode("utf-8").decode("utf-8") == shown
    assert shown == text or "\\ud" in shown
