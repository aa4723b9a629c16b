"""Any text in Markdown is shown as it is: it starts nothing and ends nothing."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_reader import JOINER, elements, rows, texts

from loralab.report.markdown_text import bullets, code, code_cell, fenced, plain, table
from loralab.safe_text import visible

SIGNS = "`*_[]<>|#&~!(){}$\\+-=:@;\"'/.) \n\t1aBw律"
STRANGE = st.one_of(st.text(SIGNS, max_size=30), st.text(max_size=20))


def seen(text: str) -> str:
    """What is left of a text without space, which Markdown does not keep everywhere."""
    return re.sub(rf"[\s⏎{JOINER}]", "", visible(text))


@given(STRANGE)
def test_a_sentence_is_one_paragraph_with_all_its_characters(text: str) -> None:
    markdown = plain(text)
    if not seen(text):
        return
    assert elements(markdown) == ["paragraph_open", "inline", "text", "paragraph_close"]
    assert seen(texts(markdown)[0]) == seen(text)


@given(STRANGE)
def test_an_item_of_a_list_is_one_item(text: str) -> None:
    if seen(text):
        kinds = [kind for kind in elements(bullets([plain(text), code(text)])) if kind.endswith("_open")]
        assert kinds == ["bullet_list_open", *["list_item_open", "paragraph_open"] * 2]


@given(STRANGE, STRANGE)
def test_cells_stay_cells(one: str, two: str) -> None:
    found = rows(table(["a", "b", "c"], [[plain(one), code_cell(two), plain(two)], ["1", "2", "3"]]))
    assert len(found) == 3 and [len(cells) for cells in found] == [3, 3, 3]
    assert [seen(cell) for cell in found[1]] == [seen(one), seen(two) or "–", seen(two)]


@given(STRANGE)
def test_a_value_between_backticks_is_that_value(text: str) -> None:
    if seen(text):
        markdown = code(text)
        assert elements(markdown) == ["paragraph_open", "inline", "code_inline", "paragraph_close"]
        assert seen(texts(markdown)[0]) == seen(text)


@given(STRANGE)
def test_a_block_of_code_ends_at_its_own_fence(text: str) -> None:
    markdown = f"{fenced(text, 'python')}\n\nafter"
    assert elements(markdown) == ["fence", "paragraph_open", "inline", "text", "paragraph_close"]
    assert texts(markdown)[0] == f"{visible(text).rstrip()}\n"


@pytest.mark.parametrize(
    ("text", "linked"),
    [("see https://host/x", "https://"), ("www.host.com", "www."), ("ask @someone", "@someone"), ("fixes #12", "#12"),
     ("GH-12", "GH-12"), ("mailto:a", "mailto:")],
)  # fmt: skip
def test_what_sites_make_links_of_by_themselves_is_parted(text: str, linked: str) -> None:
    assert linked in text and linked not in plain(text)
    assert texts(plain(text)) == [text]


def test_line_breaks_are_shown_and_not_made() -> None:
    assert plain("one\r\ntwo\n# three") == "one ⏎ two ⏎ # three"
    assert code("a\nb") == "`a ⏎ b`"


def test_columns_of_numbers_stand_to_the_right() -> None:
    assert table(["a", "b"], [["x", "1"]], numbers_from=1).split("\n")[1] == "| --- | --: |"
