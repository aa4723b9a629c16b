"""Stretches of a text in, whether the whole text gives the same token ids out, without tokenising it once more.

Stretches that are tokenised for themselves give the ids of the whole text unless something spans a border.
That is decided by the few characters beside it, for tokenizers of which all this holds (`borders_of`):

- added tokens are cut out first, by their exact characters, and no two of them can overlap. So ids to the
  left and to the right of one do not depend on each other, and each trained stretch ends with one;
- the text between is cut by a known expression, which reads from left to right and never looks back;
- each part is then tokenised for itself.

No alternative of the known expressions takes a letter and the punctuation after it, or looks ahead from a
letter. So what follows the first such place after a border has no part in the answer, and
`ids(left + right) == ids(left) + ids(right)` needs to be asked only up to there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

SEAM = re.compile("[A-Za-z\u4e00-\u9fa5](?=[,.;:!?，。；：！？、])")

_END = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
KNOWN = {_WORDS + numbers + _END for numbers in (r"\p{N}|", r"\p{N}{1,3}|")}  # Qwen2 and 3, Llama 3


class Borders:
    """Finds what has to be tokenised to compare; `added` are the tokenizer's added tokens."""

    def __init__(self, added: Iterable[str]) -> None:
        tokens = list(added)
        self._token = re.compile("|".join(map(re.escape, tokens)) or "(?!)")
        self._longest = max(map(len, tokens), default=0)

    def window(self, left: str, right: str) -> tuple[str, str]:
        """The characters on both sides of a border that decide; one side is empty where an added token parts them."""
        near = self._token.split(left)[-1]
        far = self._token.split(right, maxsplit=1)[0]
        seam = SEAM.search(far, self._longest)  # a token that spans the border would end before
        return near, far[: seam.end()] if seam else far

    def windows(self, stretches: Iterable[tuple[str, bool]]) -> list[tuple[str, str]]:
        """The `window` of each border at which a trained stretch of (text, trained) begins, if it has two sides."""
        found, left = [], ""
        for text, trained in stretches:
            if trained:
                found.append(self.window(left, text))
            left = text
        return [(near, far) for near, far in found if near and far]


def borders_of(backend: Any, end_text: str) -> Borders | None:
    """For a tokenizer of the kind above whose added tokens include what ends `end_text`; else None."""
    added = list(backend.get_added_tokens_decoder().values())
    tokens = {token.content for token in added}
    plain = not any(t.normalized or t.lstrip or t.rstrip or t.single_word for t in added)
    if not (plain and _apart(tokens) and any(end_text.endswith(token) for token in tokens)):
        return None
    known = _is_bpe(backend.model) and _keeps_borders(backend.normalizer) and _cuts(backend.pre_tokenizer)
    return Borders(tokens) if known else None


def _apart(tokens: set[str]) -> bool:
    """Whether no token can stand inside another or overlap with one."""
    starts = {token[:n] for token in tokens for n in range(1, len(token))}
    ends = {token[-n:] for token in tokens for n in range(1, len(token))}
    inside = any(
        token[i:j] in tokens
        for token in tokens
        for i in range(len(token))
        for j in range(i + 1, len(token) + 1)
        if j - i < len(token)
    )
    return not inside and not starts & ends


def _is_bpe(model: Any) -> bool:
    return type(model).__name__ == "BPE" and not model.dropout


def _keeps_borders(normalizer: Any) -> bool:
    """Nothing, or NFC: which joins no letter with the punctuation after it."""
    return normalizer is None or _state(normalizer) == {"type": "NFC"}


def _cuts(pre_tokenizer: Any) -> bool:
    """Whether a text is cut by known expressions; the one built into ByteLevel is GPT-2's."""
    if pre_tokenizer is None:
        return False
    state = _state(pre_tokenizer)
    steps = state["pretokenizers"] if state["type"] == "Sequence" else [state]
    cutting = [step for step in steps if step["type"] == "Split" or step.get("use_regex")]
    return len(cutting) == 1 and all(map(_is_known, steps))


def _is_known(step: dict[str, Any]) -> bool:
    if step["type"] == "Split":
        isolated = step["behavior"] == "Isolated" and not step["invert"]
        return isolated and step["pattern"].get("Regex") in KNOWN
    if step["type"] == "ByteLevel":
        return step["add_prefix_space"] is False
    return bool(step["type"] == "Digits")


def _state(part: Any) -> dict[str, Any]:
    """A part of a tokenizer as it stands in tokenizer.json."""
    state: dict[str, Any] = json.loads(part.__getstate__())
    return state
