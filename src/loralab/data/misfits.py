"""A row that fits no shape in, what it lacks, or what it was made for instead, out."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Iterable
from typing import Any

from loralab.data.converted import RawRow
from loralab.data.reasons import BadRow
from loralab.data.text import is_absent, printable
from loralab.words import Words, say

VERDICT = say("the row holds an answer with a verdict (KTO training)")
# (keys of which a row holds one, what such a row is made for)
PURPOSES: tuple[tuple[frozenset[str], Words], ...] = (
    (
        frozenset({"chosen", "rejected", "rejected_response", "rejected_messages"}),
        say("the row holds answers to choose from (preference training)"),
    ),
    (frozenset({"kto_tag"}), VERDICT),
)
KTO = frozenset({"prompt", "completion", "label"})  # as in TRL, with a label that is true or false
PLAIN_TEXT = frozenset({"text", "content"})
OF_TURNS = frozenset({"role", "from", "human", "assistant"})
ALIKE = 0.8  # ratio of difflib from which on a key is taken for another one misspelt


def missing(row: RawRow, key: str) -> BadRow:
    """The refusal of a row without a key that its shape needs, with the nearest key it has."""
    near = _near(key, row)
    if near is not None:
        detail = say("has no field {key!r}; is {near!r} misspelt?", key=key, near=printable(near))
    else:
        keys = ", ".join(printable(k) for k in list(row)[:8]) or "none"
        detail = say("has no field {key!r}; its fields are: {keys}", key=key, keys=keys)
    return BadRow("missing_field", detail)


def other_purpose(row: RawRow) -> BadRow | None:
    """The refusal of a row that is made for another kind of training than questions with answers."""
    filled = {key for key, value in row.items() if not is_absent(value)}
    for keys, what in PURPOSES:
        if filled & keys:
            return _other(what)
    return _other(VERDICT) if row.keys() >= KTO and isinstance(row["label"], bool) else None


def no_shape(row: RawRow, needs: Iterable[tuple[str, ...]]) -> BadRow:
    """The refusal of a row that fits none of the shapes that need these keys: the first key the nearest one lacks."""
    filled = [key for key, value in row.items() if not is_absent(value)]
    if len(filled) == 1 and filled[0] in PLAIN_TEXT:
        return _other(say("the row holds a text alone (pre-training)"))
    keys = tuple(list(row)[:50])
    nearest = _nearest(keys, tuple(needs))
    if not any(_near(key, keys) for key in nearest):
        inner = next((key for key in keys if _holds_rows(row[key])), None)
        if inner is not None:
            detail = say(
                "the rows stand under {key!r}; they must stand at the top level", key=printable(inner)
            )
            return BadRow("missing_field", detail)
    return missing(row, next(key for key in nearest if key not in row))


def _other(what: Words) -> BadRow:
    detail = say("{what}; loralab trains on questions with answers", what=what)
    return BadRow("missing_field", detail)


def _holds_rows(value: Any) -> bool:
    """Whether a value is a list of objects that are not the turns of a talk."""
    if not isinstance(value, list) or not value:
        return False
    return all(isinstance(item, dict) and item and OF_TURNS.isdisjoint(item) for item in value[:50])


def _near(key: str, keys: Iterable[str]) -> str | None:
    """The one of the keys that is most like `key`, in upper case or lower; None if none is like it."""
    lower = {k.lower(): k for k in keys}
    found = difflib.get_close_matches(key.lower(), list(lower), n=1, cutoff=ALIKE)
    return lower[found[0]] if found else None


@functools.lru_cache(maxsize=256)
def _nearest(keys: tuple[str, ...], needs: tuple[tuple[str, ...], ...]) -> tuple[str, ...]:
    """The needs of which most are there; among several, those that most of the keys fit, a misspelt one counting half."""

    def fit(wanted: tuple[str, ...]) -> tuple[int, float]:
        exact = sum(k in keys for k in wanted)
        near = sum(_near(k, keys) is not None for k in wanted)
        return exact, (exact + near) / len(wanted)

    return max((wanted for wanted in needs if not set(wanted) <= set(keys)), key=fit)
