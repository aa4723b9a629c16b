"""JSON text in, one value out, or the reason why it cannot be used."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from loralab.data.reasons import BadRow
from loralab.words import Words, say

MAX_DEPTH = 100
MAX_DIGITS = 4300  # of a whole number, as in Python

NoValue = (json.JSONDecodeError, RecursionError)  # what `read_value` raises


def read_value(text: str, start: int = 0) -> tuple[Any, int, BadRow | None]:
    """(the value at `start`, where it ends, why it cannot be used).

    Raises JSONDecodeError or RecursionError for what is no value, so that its end is unknown.
    """
    try:
        value, end = DECODER.raw_decode(text, start)
    except BadRow as fault:
        return None, LENIENT.raw_decode(text, start)[1], fault.with_traceback(None)
    if text.count("[", start, end) + text.count("{", start, end) > MAX_DEPTH and _depth(value) > MAX_DEPTH:
        deep = say("lists and objects stand more than {n} deep in each other", n=MAX_DEPTH)
        return None, end, BadRow("bad_json", deep)
    return value, end, None


def reason(error: json.JSONDecodeError | RecursionError) -> str | Words:
    """What is wrong with the text, in the words of the decoder."""
    if isinstance(error, RecursionError):
        return say("nested too deeply")
    return error.msg.removesuffix(" at").removesuffix(" starting")


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise BadRow("duplicate_key", say("the key {key!r} stands twice in the row", key=twice))
    return result


def _whole_number(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise BadRow("bad_json", say("holds a number of {n} digits", n=len(digits)))
    return int(digits)


def _fraction(digits: str) -> float:
    if not math.isfinite(float(digits)):
        _no_constant(digits)
    return float(digits)


def _no_constant(name: str) -> NoReturn:
    raise BadRow("bad_json", say("{name} is not a JSON number", name=name))


DECODER = json.JSONDecoder(
    object_pairs_hook=_no_duplicates,
    parse_int=_whole_number,
    parse_float=_fraction,
    parse_constant=_no_constant,
)
LENIENT = json.JSONDecoder(parse_int=str, parse_float=str)  # where a value ends, whatever is in it


def _depth(value: Any) -> int:
    """How deep lists and objects stand in each other."""
    depth, level = 0, [value]
    while level := [v for v in level if isinstance(v, (dict, list))]:
        depth += 1
        level = [c for v in level for c in (v.values() if isinstance(v, dict) else v)]
    return depth
