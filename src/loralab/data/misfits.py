"""A row that fits no shape in, what it lacks, or what it was made for instead, out."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Iterable

from loralab.data.converted import RawRow
from loralab.data.reasons import BadRow
from loralab.data.text import is_absent, printable
from loralab.words import Words, say

# (keys of which a row holds one, what such a row is made for)
PURPOSES: tuple[tuple[frozenset[str], Words], ...] = (
    (
        frozenset({"chosen", "rejected", "rejected_response", "rejected_messages"}),
        say("the row holds answers to choose from (preference training)"),
    ),
    (frozenset({"kto_tag"}), say("the row holds an answer with a verdict (KTO training)")),
)
PLAIN_TEXT = frozenset({"text", "content"})


def missing(row: RawRow, key: str) -> BadRow:
    """The refusal of a row without a key that its shape needs, with the nearest key it has."""
    near = difflib.get_close_matches(key, list(row), n=1, cutoff=0.6)
    if near:
        detail = say("has no field {key!r}; is {near!r} misspelt?", key=key, near=printable(near[0]))
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
    return None


def no_shape(row: RawRow, needs: Iterable[tuple[str, ...]]) -> BadRow:
    """The refusal of a row that fits none of the shapes that need these keys: the first key the nearest one lacks."""
    filled = [key for key, value in row.items() if not is_absent(value)]
    if len(filled) == 1 and filled[0] in PLAIN_TEXT:
        return _other(say("the row holds a text alone (pre-training)"))
    nearest = _nearest(tuple(list(row)[:50]), tuple(needs))
    return missing(row, next(key for key in nearest if key not in row))


def _other(what: Words) -> BadRow:
    detail = say("{what}; loralab trains on questions with answers", what=what)
    return BadRow("missing_field", detail)


@functools.lru_cache(maxsize=256)
def _nearest(keys: tuple[str, ...], needs: tuple[tuple[str, ...], ...]) -> tuple[str, ...]:
    """The needs that most of the keys fit, a misspelt one counting half."""

    def fit(wanted: tuple[str, ...]) -> float:
        near = [k for k in wanted if difflib.get_close_matches(k, keys, n=1, cutoff=0.6)]
        return (len(near) + sum(k in keys for k in near)) / len(wanted)

    return max((wanted for wanted in needs if not set(wanted) <= set(keys)), key=fit)
