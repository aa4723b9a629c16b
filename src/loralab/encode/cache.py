"""What token ids depend on in, the place where they are kept between runs out.

A folder of the user's cache holds one file for each set of rows, tokenizer and rules. The least recently
used ones are deleted when all together are larger than MOST_BYTES.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
import os
import time
from dataclasses import astuple
from pathlib import Path

import platformdirs

from loralab.data.conversation import Message
from loralab.encode.batch import EncodeRules
from loralab.encode.scratch import TEMPORARY_SUFFIX
from loralab.encode.template import ANSWER, QUESTION, ChatTemplate
from loralab.encode.tokenfile import FORMAT
from loralab.encode.tokens import is_plain
from loralab.errors import Problem, UsageError
from loralab.words import say

ENCODING = 1  # to be raised when `encode` gives other ids or another mask for some row
MOST_BYTES = 20 << 30
SUFFIX = ".tokens"
LEFT_BEHIND_SECONDS = 24 * 3600.0  # a file still being written is touched more often


def token_cache_folder() -> Path:
    """`tokens` in the folder $LORALAB_CACHE, else in `loralab` in the platform's cache folder of the user.

    Raises UsageError for a variable that names no folder.
    """
    named = os.environ.get("LORALAB_CACHE")
    try:
        base = Path(named).expanduser() if named else platformdirs.user_cache_path("loralab", appauthor=False)
    except RuntimeError as error:  # ~user, and there is no such user
        raise UsageError(Problem(say("cannot be used: {reason}", reason=error), "LORALAB_CACHE")) from None
    return base / "tokens"


def token_key(content_key: bytes, template: ChatTemplate, rules: EncodeRules) -> str | None:
    """Hex sha256 over all that token ids depend on; None for a tokenizer whose class adds code of its own.

    `content_key` stands for the conversations. A template may write the date of the day: what it makes of
    one conversation is part of the key too.
    """
    tokenizer = template.tokenizer
    if not is_plain(tokenizer):
        return None
    template.ids("")  # takes back settings of earlier calls, which the tokenizer's text would hold
    talk = [Message("user", QUESTION), Message("assistant", ANSWER)]
    parts = [
        FORMAT, ENCODING, *map(importlib.metadata.version, ("transformers", "tokenizers", "jinja2")),
        astuple(rules), tokenizer.chat_template, tokenizer.special_tokens_map, tokenizer.pad_token_id,
        template.end_text, template.end_id, template.special, template.segments_agree, template.render(talk),
    ]  # fmt: skip
    whole = hashlib.sha256(json.dumps(parts, default=str, sort_keys=True).encode("ascii") + b"\n")
    whole.update(hashlib.sha256(tokenizer.backend_tokenizer.to_str().encode("utf-8")).digest())
    whole.update(content_key)
    return whole.hexdigest()


def touch(path: Path) -> None:
    """Note that a file was used."""
    with contextlib.suppress(OSError):  # a cache that may only be read is used all the same
        os.utime(path)


def tidy(folder: Path, keep: Path) -> None:
    """Delete the least recently used files beyond MOST_BYTES in all, but not `keep`; and what a killed run left."""
    files = sorted(_files(folder, SUFFIX), key=lambda file: (file[2] != keep, -file[0]))
    total = 0
    for _, size, path in files:
        total += size
        if total > MOST_BYTES and path != keep:
            _delete(path)
    for used, _, path in _files(folder, TEMPORARY_SUFFIX):
        if time.time() - used > LEFT_BEHIND_SECONDS:
            _delete(path)


def _files(folder: Path, suffix: str) -> list[tuple[float, int, Path]]:
    """(last use, size, path) of the files of a kind."""
    found = []
    with contextlib.suppress(OSError):  # another run tidies up at the same time
        for path in folder.iterdir():
            if path.suffix == suffix:
                state = path.stat()
                found.append((state.st_mtime, state.st_size, path))
    return found


def _delete(path: Path) -> None:
    with contextlib.suppress(OSError):  # another run was first, or it is in use where that keeps a file
        path.unlink()
