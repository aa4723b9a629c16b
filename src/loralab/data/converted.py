"""What is made of a row while it is read: its messages, the repairs, and the keys that were looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from loralab.data.conversation import Message, Role
from loralab.data.reasons import BadRow
from loralab.data.text import clean_text, is_blank
from loralab.words import say

RawRow = Mapping[str, Any]


@dataclass(slots=True)
class Converted:
    """Messages read from a row, the repairs made, and the keys that were looked at.

    With `answer` false the last answer may be missing. `unused` names keys within turns that say nothing here,
    such as `messages[].name`; keys of the row itself that are not in `used` are left for the caller to count.
    """

    answer: bool = True
    messages: list[Message] = field(default_factory=list)
    repairs: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)
    unused: set[str] = field(default_factory=set)

    def take(self, row: RawRow, key: str) -> Any:
        """The value of a key, noted as used; None where the row has no such key."""
        if key not in row:
            return None
        self.used.add(key)
        return row[key]

    def text(self, row: RawRow, key: str) -> str:
        """The clean text under a key; empty where there is none."""
        return clean_text(self.take(row, key), key, self.repairs)

    def add(self, role: Role, text: str, name: str, trained: bool = True) -> None:
        """One message of a clean text; a blank system message is no message. Raises BadRow for a blank text."""
        if is_blank(text):
            if role == "system":
                return
            reason = "empty_question" if role == "user" else "empty_answer"
            raise BadRow(reason, say("{name} is empty", name=name))
        self.messages.append(Message(role, text, trained))

    def system(self, row: RawRow) -> None:
        """The system message that stands in a field of its own, if there is one."""
        if "system" in row:
            self.add("system", self.text(row, "system"), "system")

    def ask(self, text: str, name: str) -> None:
        """The question, after what was said before; a history that ends with it has asked it already."""
        if self.messages and self.messages[-1] == Message("user", text):
            return
        self.add("user", text, name)

    def reply(self, row: RawRow, key: str) -> None:
        """The last answer, which may be missing where none is asked for."""
        text = self.text(row, key)
        if self.answer or not is_blank(text):
            self.add("assistant", text, key)
