"""Text from a server in, one short line that a terminal can show out."""

from __future__ import annotations

import re

LONGEST = 300  # characters of a server's own words
ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)?", re.DOTALL)


def short_line(text: str, secret: str | None = None, longest: int = LONGEST) -> str:
    """The text without escape codes, control characters and `secret`, cut at `longest` characters with "..."."""
    if secret:
        text = text.replace(secret, "***")
    text = ESCAPES.sub("", text)
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= longest else f"{line[:longest]}..."
