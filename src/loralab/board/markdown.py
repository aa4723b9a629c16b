"""An answer in Markdown (CommonMark with tables) in, HTML out that runs nothing, loads nothing and hides no address."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.token import Token
from markupsafe import Markup

from loralab.safe_text import visible

MOST_NESTED = 20  # lists and quotes in each other; what is deeper the parser would leave out
CELL_BORDER = re.compile(r"(?<!\\)\|")
SAFE = ("http://", "https://")


def to_html(text: str) -> Markup | None:
    """The text as HTML; None if a part of it would be left out there, as Markdown has it: it is to be shown as it is.

    HTML in it is text, as are pictures and links to anything but http and https. A link says where it leads.
    """
    parser, source = _parser(), visible(text)
    tokens = parser.parse(source)
    if _is_too_deep(tokens) or _has_cells_too_many(tokens, source.split("\n")):
        return None
    # once more: an entity such as &#x202E; is a character only now
    return Markup(visible(parser.renderer.render(tokens, parser.options, {})))


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "breaks": True, "maxNesting": MOST_NESTED})
    parser.enable(["table", "strikethrough"])
    parser.disable("reference")  # definitions of links are left out of the page: nobody would see them
    parser.validateLink = _is_safe  # type: ignore[method-assign, assignment]  # as the library's manual has it
    for name, rule in RULES.items():
        parser.add_render_rule(name, rule)
    return parser


def _is_too_deep(tokens: Sequence[Token]) -> bool:
    return any(token.nesting == 1 and token.level >= MOST_NESTED - 1 for token in tokens)


def _has_cells_too_many(tokens: Sequence[Token], lines: Sequence[str]) -> bool:
    """Whether a row of a table has more cells than the table's head has."""
    columns = 0
    for token in tokens:
        if token.type == "thead_open":
            columns = 0
        columns += token.type == "th_open"
        if token.type == "tr_open" and columns and token.map:
            cells = CELL_BORDER.split(lines[token.map[0]].strip())
            if len(cells[not cells[0] :]) - (not cells[-1]) > columns:
                return True
    return False


def _is_safe(address: str) -> bool:
    return address.lower().startswith(SAFE)


def _picture(renderer: Any, tokens: Sequence[Token], place: int, options: Any, env: Any) -> str:
    """A picture as it was written: it is not loaded."""
    token = tokens[place]
    written = f"![{token.content}]({_target(token, 'src')})"
    return f"<code>{escapeHtml(written)}</code>"


def _link(renderer: Any, tokens: Sequence[Token], place: int, options: Any, env: Any) -> str:
    address = escapeHtml(str(tokens[place].attrs["href"]))
    return f'<a href="{address}" rel="noopener noreferrer" target="_blank">'


def _link_end(renderer: Any, tokens: Sequence[Token], place: int, options: Any, env: Any) -> str:
    """Where it leads in words, unless these are the link's words already."""
    begin = max(i for i in range(place) if tokens[i].type == "link_open")  # links are not in each other
    target = _target(tokens[begin], "href")
    is_told = "".join(token.content for token in tokens[begin + 1 : place]) == target
    return "</a>" if is_told else f"</a> <code>{escapeHtml(target)}</code>"


def _target(token: Token, key: str) -> str:
    """The address and the title, as Markdown has them between its brackets."""
    title = token.attrs.get("title")
    return f'{token.attrs[key]} "{title}"' if title else str(token.attrs[key])


def _heading(renderer: Any, tokens: Sequence[Token], place: int, options: Any, env: Any) -> str:
    """Bold, and no heading of the page."""
    return '<p class="heading">' if tokens[place].nesting == 1 else "</p>"


def _cell(renderer: Any, tokens: Sequence[Token], place: int, options: Any, env: Any) -> str:
    """A cell whose alignment is a class: the page's policy lets in no style."""
    side = str(tokens[place].attrs.get("style", "")).removeprefix("text-align:")
    return f'<{tokens[place].tag} class="side-{side}">' if side else f"<{tokens[place].tag}>"


def _code(renderer: Any, tokens: Sequence[Token], place: int, options: Any, env: Any) -> str:
    """A block of code under the words that it was given."""
    info = tokens[place].info.strip()
    words = f'<span class="muted">{escapeHtml(info)}</span>\n' if info else ""
    return f"<pre>{words}<code>{escapeHtml(tokens[place].content)}</code></pre>"


def _item(renderer: Any, tokens: Sequence[Token], place: int, options: Any, env: Any) -> str:
    """An item under the number that it was given."""
    number = tokens[place].info
    return f'<li value="{int(number)}">' if number.isdecimal() else "<li>"


RULES = {
    "image": _picture, "link_open": _link, "link_close": _link_end, "heading_open": _heading, "heading_close": _heading,
    "th_open": _cell, "td_open": _cell, "fence": _code, "code_block": _code,
    "list_item_open": _item,
}  # fmt: skip
