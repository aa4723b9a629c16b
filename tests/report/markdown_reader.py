"""A Markdown text in, what a reader of it sees out: its elements, and the text of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
JOINER = "\u2060"
IN_A_CELL = 4


def elements(markdown: str) -> list[str]:
    """The kinds of all elements in order, those inside of a line too."""
    return [token.type for token in _walk(PARSER.parse(markdown))]


def texts(markdown: str) -> list[str]:
    """The text of each line, cell and block of code, without marks and without what takes no room."""
    found = []
    for token in PARSER.parse(markdown):
        if token.type == "inline":
            found.append("".join(child.content for child in token.children or []).replace(JOINER, ""))
        elif token.type in ("fence", "code_block", "html_block"):
            found.append(token.content)
    return found


def rows(markdown: str) -> list[list[str]]:
    """The cells of all rows of all tables."""
    found: list[list[str]] = []
    for token in PARSER.parse(markdown):
        if token.type == "tr_open":
            found.append([])
        elif token.type == "inline" and token.level == IN_A_CELL:
            found[-1].append("".join(child.content for child in token.children or []).replace(JOINER, ""))
    return found


def _walk(tokens: Sequence[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from _walk(token.children or [])
