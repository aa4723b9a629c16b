"""Text of strangers (rows, model files, run folders, file names) in, text that a terminal, a log or a shell can take out."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from pathlib import PurePath

# Characters that HTML forbids, that UTF-8 cannot hold, that a terminal obeys, or that reorder the text around them.
UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\ud800-\udfff\u202a-\u202e\u2066-\u2069\ufdd0-\ufdef\ufffe\uffff]"
)
UNSEEN_OR_SPACING = re.compile(f"{UNSEEN.pattern}|[\t\n]")
OBEYED_IN_JSON = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")

SECRET_NAME = re.compile(
    r"(^|[\s._-])(api_?key|key|token|password|passwd|secret|credentials?)$", re.IGNORECASE
)
"""Names of settings and of environment variables that look like those of secrets."""
SHORTEST_SECRET = 8  # characters: HF_HUB_DISABLE_IMPLICIT_TOKEN=1 must not strike out every 1
USER_IN_URL = re.compile(r"://[^\s/@?#]+@")
USER_SHOWN = re.compile(r"(:/{1,2})[^\s/@?#]+@")  # also where a path has joined the two slashes


def visible(text: str) -> str:
    """`text` with control characters as pictures (␀) and other unseen ones as ⟨U+202E⟩; line ends are \\n."""
    return UNSEEN.sub(_picture, text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    """`text` as part of a line: `visible`, with line ends as ␊ and no user or password in an address."""
    return without_users(visible(text).replace("\n", "␊"))


def first_line(error: BaseException) -> str:
    """The first line of an error's text, with the second where it ends in a colon; its class if it has none."""
    text = f"{type(error).__name__}: {error}" if isinstance(error, KeyError) else str(error)
    lines = [line.strip() for line in text.strip().splitlines()] or [type(error).__name__]
    return " ".join(lines[:2]) if lines[0].endswith(":") else lines[0]


def _picture(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"⟨U+{code:04X}⟩"


def json_for_terminals(document: str) -> str:
    """The same JSON document, in which characters that a terminal obeys are written as \\u escapes."""
    return OBEYED_IN_JSON.sub(lambda match: f"\\u{ord(match[0]):04x}", document)


def has_user(text: str) -> bool:
    """Whether an address such as https://user:password@host stands in a text."""
    return USER_IN_URL.search(text) is not None


def without_users(text: str) -> str:
    """`text` with *** for the user and the password of each address such as https://user:password@host."""
    return USER_SHOWN.sub(r"\1***@", text)


def without_secrets(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """`text` without users in addresses, and without the values of variables that are named like secrets."""
    values = {v for k, v in environment.items() if len(v) >= SHORTEST_SECRET and SECRET_NAME.search(k)}
    for value in sorted(values, key=len, reverse=True):  # one may be the beginning of another
        text = text.replace(value, "***")
    return without_users(text)


def quoted(word: str | PurePath) -> str:
    """A word as bash and zsh read it back; a path that begins with a dash is no option then."""
    text = f"./{word}" if isinstance(word, PurePath) and str(word).startswith("-") else str(word)
    if not UNSEEN_OR_SPACING.search(text):
        return shlex.quote(text)
    plain = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"$'{UNSEEN_OR_SPACING.sub(_escape, plain)}'"


def command_line(*words: str | PurePath) -> str:
    """Words as one command."""
    return " ".join(map(quoted, words))


def _escape(match: re.Match[str]) -> str:
    """Each byte of a character; names of files may hold bytes that are no text."""
    errors = "surrogateescape" if "\udc80" <= match[0] <= "\udcff" else "surrogatepass"
    return "".join(f"\\x{byte:02x}" for byte in match[0].encode("utf-8", errors))
