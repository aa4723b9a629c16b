"""What was said before the question of a row, as pairs or as tagged lines; out come messages."""

from __future__ import annotations

import re
from typing import Any

from loralab.data.conversation import Role
from loralab.data.converted import Converted, RawRow
from loralab.data.reasons import BadRow
from loralab.data.text import clean_text, is_absent
from loralab.words import say

TAG = re.compile(r"\[([^\[\]\n]*)\] ?")
SPEAKERS: dict[str, Role] = {"客户": "user", "律师": "assistant"}  # of lawyer-llama's multi-turn counsel


def read_history(row: RawRow, out: Converted) -> None:
    """Add the messages under "history": [question, answer] pairs, or lines that begin with [客户] or [律师].

    Raises BadRow: wrong_type for another form, bad_role for another tag.
    """
    if "history" not in row:
        return
    value = out.take(row, "history")
    if not isinstance(value, list):
        if is_absent(value):
            return
        raise BadRow("wrong_type", say("{name} must be a list of turns", name="history"))
    for number, item in enumerate(value, 1):
        if isinstance(item, str):
            _tagged(item, f"history#{number}", out)
        elif isinstance(item, list) and len(item) == 2:
            _add("user", item[0], f"history#{number}", out)
            _add("assistant", item[1], f"history#{number}", out)
        else:
            raise BadRow("wrong_type", say("{name} must hold pairs of question and answer", name="history"))


def _tagged(line: str, place: str, out: Converted) -> None:
    tag = TAG.match(line)
    speaker = tag[1] if tag else line[:10]
    if not tag or speaker not in SPEAKERS:
        known = ", ".join(f"[{name}]" for name in SPEAKERS)
        detail = say(
            "{place} begins with {speaker!r}, not with {known}", place=place, speaker=speaker, known=known
        )
        raise BadRow("bad_role", detail)
    _add(SPEAKERS[speaker], line[tag.end() :], place, out)


def _add(role: Role, value: Any, place: str, out: Converted) -> None:
    out.add(role, clean_text(value, place, out.repairs), place)
