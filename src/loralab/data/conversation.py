"""What a row becomes: messages in order, with an id that depends on what they say and not on where they stand."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from loralab.words import Words

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True)
class Message:
    """One turn. `trained` says whether the loss looks at it; it counts for assistant turns only."""

    role: Role
    content: str
    trained: bool = True


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class Row:
    """A conversation and where it came from. `position` counts over the concatenated training files from 0."""

    id: str
    conversation: Conversation
    file: str
    place: str
    position: int
    format: str = ""

    def plain(self) -> dict[str, list[dict[str, str]]]:
        """The row in messages format."""
        return {"messages": [{"role": m.role, "content": m.content} for m in self.conversation.messages]}


@dataclass(frozen=True)
class Dropped:
    """A row that is not used: one of the closed list of reasons, and what is wrong in words."""

    file: str
    place: str
    reason: str
    detail: Words
    row: object


def content_id(conversation: Conversation) -> str:
    """16 hex digits of the sha256 over the messages."""
    text = json.dumps([[m.role, m.content] for m in conversation.messages], ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]


def number_copies(rows: Iterable[Row]) -> list[Row]:
    """The rows with `-2`, `-3` added to the ids of further copies, in order."""
    seen: Counter[str] = Counter()
    result = []
    for row in rows:
        seen[row.id] += 1
        result.append(row if seen[row.id] == 1 else replace(row, id=f"{row.id}-{seen[row.id]}"))
    return result


def copy_key(conversation: Conversation) -> tuple[Message, ...]:
    """What two copies of a row have in common: every turn, word for word, but for the system message."""
    return tuple(m for m in conversation.messages if m.role != "system")


def question_key(conversation: Conversation) -> str:
    """The questions of a conversation for comparison: NFKC, without spaces and punctuation, lower case."""
    text = "\n".join(m.content for m in conversation.messages if m.role == "user")
    kept = (c for c in unicodedata.normalize("NFKC", text).lower() if unicodedata.category(c)[0] not in "ZPC")
    return "".join(kept) or text
