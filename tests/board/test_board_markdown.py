"""Markdown of strangers becomes HTML in which nothing runs or loads, no address hides and no word is lost."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doubles.board_runs import DEEP, MARKDOWN
from loralab.board.markdown import to_html

ALLOWED = {
    "p", "br", "hr", "em", "strong", "s", "code", "pre", "span", "blockquote", "ul", "ol", "li", "a", "table", "thead",
    "tbody", "tr", "th", "td",
}  # fmt: skip
PIECES = ("[", "]", "(", ")", "![", "](", "<", ">", "`", "```\n", "*", "**", "_", "~~", "|", "\n", "\n\n", "> ", "- ", "1. ",
          "    ", "# ", "\\", "&#x202e;", "&lt;", "<script>", "<img src=x onerror=a>", "javascript:a", "https://x.example/",
          "HTTP://X", "data:text/html,a", '"', "'", "\u202e", "\x1b", "|-|-|\n", "\n|a|b|\n|-|-|\n|", "a", "好", "http://x\" onclick=\"a")  # fmt: skip


class Page(HTMLParser):
    """The tags, attributes and text of some HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def page_of(text: str) -> Page:
    html = to_html(text)
    assert html is not None
    return Page(str(html))


@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_whatever_is_written_only_harmless_tags_come_out(text: str) -> None:
    html = to_html(text)
    for tag, attributes in Page(str(html or "")).tags:
        assert tag in ALLOWED and set(attributes) <= {"href", "rel", "target", "class", "start", "value"}
        if tag == "a":
            assert re.match("https?://", str(attributes["href"]), re.IGNORECASE)
            assert (attributes["rel"], attributes["target"]) == ("noopener noreferrer", "_blank")
    assert not re.search("[\x1b\u202e]", html or "")


@given(st.lists(st.text("abcdef", min_size=5, max_size=8), max_size=12), st.data())
def test_no_word_is_lost(words: list[str], data: st.DataObject) -> None:
    between = data.draw(
        st.lists(st.sampled_from(PIECES), min_size=len(words), max_size=len(words)), label="between"
    )
    text = "".join(mark + word + " " for mark, word in zip(between, words, strict=True))
    html = to_html(text)
    if html is not None:
        page = Page(str(html))
        shown = page.text + " ".join(str(attributes.get("href")) for _, attributes in page.tags)
        assert [word for word in words if word not in shown] == []


def test_what_markdown_says_is_seen() -> None:
    page = page_of(
        "# Head\n\n- one\n- **two**\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\n```py x\n<b>\n```\n\n3. ~~c~~\nd\n7. e"
    )
    tags = [tag for tag, _ in page.tags]
    assert [tag for tag in tags if tag in ("ul", "li", "strong", "table", "pre", "ol", "s", "br")] == [
        "ul", "li", "li", "strong", "table", "pre", "ol", "li", "s", "br", "li",
    ]  # fmt: skip
    assert not {"h1", "h2"} & set(tags), "headings of an answer are none of the page"
    assert ("td", {"class": "side-right"}) in page.tags and ("li", {"value": "7"}) in page.tags
    assert "py x" in page.text and "<b>" in page.text


def test_a_link_says_where_it_leads() -> None:
    page = page_of("[your bank](https://evil.example/?a=1&b=2) <https://plain.example/>")
    assert page.text.strip() == "your bank https://evil.example/?a=1&b=2 https://plain.example/"
    assert [a["href"] for tag, a in page.tags if tag == "a"] == [
        "https://evil.example/?a=1&b=2",
        "https://plain.example/",
    ]


@pytest.mark.parametrize(
    "text",
    ["[a](javascript:alert(1))", "[a](JaVaScRiPt:alert(1))", "[a](data:text/html,x)", "[a](//evil.example)", "[a](/run/x)",
     "[a](file:///etc/passwd)", "<javascript:alert(1)>", "![a](https://evil.example/p.png)", "![a](data:image/png;base64,AA)",
     "<!-- a -->", "<a href=x>a</a>", "<svg/onload=alert(1)>", "[r]: https://evil.example"],
)  # fmt: skip
def test_what_may_not_be_stays_text(text: str) -> None:
    page = page_of(text)
    assert page.text.strip() == text
    assert {tag for tag, _ in page.tags} <= {"p", "code"}


@pytest.mark.parametrize(
    "text",
    [DEEP, ">" * 4000, "1. " * 1300, "".join("  " * i + "- a\n" for i in range(60)), "|a|b|\n|-|-|\n|1|2|3|",
     "> a|b\n> -|-\n> 1|2\n> |1|2|3"],
)  # fmt: skip
def test_what_would_lose_a_part_is_no_markdown(text: str) -> None:
    assert to_html(text) is None


@pytest.mark.parametrize(
    "text",
    ["[" * 4000, "![" * 2000, "[" * 2000 + "]" * 2000, "![" * 570 + "a" + "](http://x)" * 250, "*a " * 1300, "_a_*" * 1000,
     "<" * 4000, "~~a" * 1300, "[a](" + "(" * 3900, "".join("`" * i + " " for i in range(1, 88))],
)  # fmt: skip
def test_marks_without_end_come_to_one(text: str) -> None:
    assert to_html(text) is not None


def test_the_hostile_answer_is_harmless_and_whole() -> None:
    page = page_of(MARKDOWN)
    assert {tag for tag, _ in page.tags} <= ALLOWED
    for text in (
        "javascript:alert(4)",
        "<!-- hidden -->",
        "alert(8)",
        "alert(9)",
        "alert(10)",
        "https://evil.example/pixel.png",
    ):
        assert text in page.text
