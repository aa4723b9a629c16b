"""Texts of strangers in, Markdown (CommonMark and GitHub's tables) that shows them and does nothing else out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from loralab.report.text import NONE
from loralab.safe_text import visible, without_secrets

# What starts or ends a construct anywhere: emphasis, code, links, HTML, entities, cells, mathematics. Brackets that
# are round, and !, belong to a link or a picture only together with square ones.
SYNTAX = re.compile(r"[\\`*_\[\]<|&~$]")
# What starts a heading, quotation, list or rule, or underlines a heading, at the beginning of a line only.
AT_START = re.compile(r"^(?:[-+=:#>]|(\d+)(?=[.)](?:\s|$)))")
# Sites make links of these also where they are escaped, and @name sends a message to a person of that name.
LINKED = re.compile(r"(?i)(?<=\bwww)\.|:(?=//)|(?<=\bmailto):|(?<=\bxmpp):")
CALLED = re.compile(r"@|#(?=\d)|(?i:(?<=\bGH)-(?=\d))")
JOINER = "\u2060"  # takes no room, and parts the sign from the name
LINE_BREAK = " ⏎ "


def plain(text: str) -> str:
    """A sentence in one line whose every character is shown as it is: no markup, no link, no call."""
    shown = SYNTAX.sub(r"\\\g<0>", _guarded(_one_line(text)))
    shown = AT_START.sub(_at_start, shown)
    return LINKED.sub(r"\\\g<0>", shown)


def code(text: str) -> str:
    """A value in one line between backticks, of which it may hold any number; a dash for an empty one."""
    shown = _one_line(text)
    if not shown:
        return NONE
    fence = "`" * (_longest_row_of_backticks(shown) + 1)
    room = " " if "`" in (shown[0], shown[-1]) else ""  # a backtick at an end would belong to the fence
    return f"{fence}{room}{shown}{room}{fence}"


def code_cell(text: str) -> str:
    """`code` for the cell of a table, where a bar needs a backslash between backticks too."""
    return code(text).replace("|", "\\|")


def fenced(text: str, language: str = "") -> str:
    """Lines of code as a block; its fence is longer than any that they hold."""
    fence = "`" * max(3, _longest_row_of_backticks(text) + 1)
    return f"{fence}{language}\n{_readable(text).rstrip()}\n{fence}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers_from: int = 99) -> str:
    """A table of cells that are Markdown already; columns from `numbers_from` on stand to the right."""
    marks = ["---" if index < numbers_from else "--:" for index in range(len(head))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, marks, *rows))


def bullets(items: Iterable[str]) -> str:
    """A list of items that are Markdown already."""
    return "\n".join(f"- {item}" for item in items)


def _one_line(text: str) -> str:
    """The text with its line breaks as signs and without space at both ends."""
    return _readable(text).strip().replace("\t", " ").replace("\n", LINE_BREAK)


def _readable(text: str) -> str:
    """The text with unseen characters visible; what the environment holds as a secret is for nobody to read."""
    return visible(without_secrets(text))


def _guarded(text: str) -> str:
    return CALLED.sub(rf"\g<0>{JOINER}", text)


def _at_start(match: re.Match[str]) -> str:
    return f"{match[1]}\\" if match[1] else f"\\{match[0]}"


def _longest_row_of_backticks(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)
