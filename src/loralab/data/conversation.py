"""What a row becomes: messages in order, with an id that depends on what they say and not on where they stand."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from loralab.words import Words

Role = Literal["system", "user", "assistant"]

_quoted = json.JSONEncoder(ensure_ascii=False).encode


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. `trained` says whether the loss looks at it; it counts for assistant turns only."""

    role: Role
    content: str
    trained: bool = True


@dataclass(frozen=True, slots=True)
class Conversation:
    """An optional system message, then user and assistant in turn; the last is the answer, which may be absent."""

    messages: tuple[Message, ...]

    @property
    def prompt(self) -> tuple[Message, ...]:
        """Everything before the final answer."""
        last = self.messages[-1]
        return self.messages[:-1] if last.role == "assistant" else self.messages

    @property
    def question(self) -> str:
        """The last user message."""
        return next(m.content for m in reversed(self.messages) if m.role == "user")

    @property
    def answer(self) -> str:
        """The final assistant message; empty if there is none."""
        last = self.messages[-1]
        return last.content if last.role == "assistant" else ""

    def with_system(self, system: str | None) -> Conversation:
        """The same conversation, with `system` in front if it has no system message of its own."""
        if not system or self.messages[0].role == "system":
            return self
        return Conversation((Message("system", system), *self.messages))


@dataclass(frozen=True, slots=True)
class Row:
    """A conversation and where it came from.

    `position` counts over the concatenated training files from 0, `index` over all rows that were read.
    """

    id: str
    conversation: Conversation
    file: str
    place: str
    position: int
    format: str = ""
    index: int = 0

    def plain(self) -> dict[str, Any]:
        """The row in messages format."""
        return plain(self.conversation)


@dataclass(frozen=True, slots=True)
class Dropped:
    """A row that is not used: one of the closed list of reasons, what is wrong in words, and how to get the row.

    `unread`: more of the file follows, which could not be read.
    """

    file: str
    place: str
    reason: str
    detail: Words
    row: Callable[[], object]
    unread: bool = False


def plain(conversation: Conversation) -> dict[str, Any]:
    """A conversation in messages format; an answer that is not trained on is marked so."""
    turns = []
    for message in conversation.messages:
        turn: dict[str, Any] = {"role": message.role, "content": message.content}
        if message.role == "assistant" and not message.trained:
            turn["train"] = False
        turns.append(turn)
    return {"messages": turns}


def pack(conversation: Conversation) -> bytes:
    """A conversation as bytes, the JSON list [[role, content], ...], which `unpack` reads back to an equal one."""
    turns = [
        f'["{m.role}", {_quoted(m.content)}]' if m.trained else f'["{m.role}", {_quoted(m.content)}, false]'
        for m in conversation.messages
    ]
    return f"[{', '.join(turns)}]".encode()


def unpack(data: bytes) -> Conversation:
    """The conversation that `pack` wrote."""
    return Conversation(tuple(Message(*turn) for turn in json.loads(data)))


def copy_key(conversation: Conversation) -> bytes:
    """What two copies of a row have in common: every turn, word for word, but for the system message."""
    talk = tuple(replace(m, trained=True) for m in conversation.messages if m.role != "system")
    return pack(Conversation(talk))


class _Kept(dict[int, str | None]):
    """For `str.translate`: spaces, punctuation and control characters go; each is looked up once."""

    def __init__(self, normal: Callable[[str], str]) -> None:
        self._normal = normal

    def __missing__(self, code: int) -> str | None:
        kept = "".join(c for c in self._normal(chr(code)) if unicodedata.category(c)[0] not in "ZPC")
        self[code] = kept or None
        return self[code]


# NFKC takes most of the time, and changes a text of these alone character by character
_ALONE = re.compile("[\n -~\u00b7\u2010-\u2016\u2018-\u2026\u3000-\u3029\u4e00-\u9fff\uff01-\uff5e]*")
_KEPT = _Kept(str)
_KEPT_ALONE = _Kept(lambda character: unicodedata.normalize("NFKC", character).lower())


def text_key(text: str) -> str:
    """A text for comparison: NFKC, without spaces and punctuation, lower case; the text if nothing is left."""
    if _ALONE.fullmatch(text):
        return text.translate(_KEPT_ALONE) or text
    return unicodedata.normalize("NFKC", text).lower().translate(_KEPT) or text


def question_key(conversation: Conversation) -> str:
    """The questions of a conversation for comparison, see `text_key`."""
    return text_key("\n".join(m.content for m in conversation.messages if m.role == "user"))
