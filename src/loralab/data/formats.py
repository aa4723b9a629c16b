"""The shapes of rows: for each, the keys it is known by and one function from row to messages.

A new shape is one function and one line in FORMATS.
"""

from __future__ import annotations

import difflib
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from loralab.data.conversation import Conversation, Message, Role
from loralab.data.reasons import BadRow
from loralab.data.text import clean_text, is_blank, printable
from loralab.words import say

RawRow = Mapping[str, Any]
ROLES: dict[str, Role] = {"system": "system", "user": "user", "assistant": "assistant"}
ALIASES: dict[str, Role] = {
    "human": "user", "gpt": "assistant", "bot": "assistant", "model": "assistant", "chatgpt": "assistant",
    "ai": "assistant",
}  # fmt: skip
TOOL_ROLES = ("tool", "function", "observation", "function_call", "tool_call", "tool_response")


@dataclass
class Converted:
    """Messages read from a row, the repairs made, and the keys that were looked at."""

    messages: list[Message] = field(default_factory=list)
    repairs: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)

    def add(self, role: Role, value: Any, name: str) -> None:
        """One message; a blank system message is no message."""
        text = clean_text(value, name, self.repairs)
        if is_blank(text):
            if role == "system":
                return
            reason = "empty_question" if role == "user" else "empty_answer"
            raise BadRow(reason, say("{name} is empty", name=name))
        self.messages.append(Message(role, text))

    def take(self, row: RawRow, key: str) -> Any:
        """The value of a key, noted as used."""
        self.used.add(key)
        return row.get(key)


@dataclass(frozen=True)
class Format:
    """A shape: the keys it needs, and how a row of it is read into `Converted`."""

    needs: tuple[str, ...]
    read: Callable[[RawRow, Converted], None]
    excludes: tuple[str, ...] = ()

    def fits(self, row: RawRow) -> bool:
        """Whether a row has all the keys of this shape, and none that make it another."""
        return all(k in row for k in self.needs) and not any(k in row for k in self.excludes)


# ------------------------------------------------------------------------------------------- the shapes


def input_output(row: RawRow, out: Converted) -> None:
    """{"input", "output"}: question and answer."""
    out.add("system", out.take(row, "system"), "system")
    out.add("user", out.take(row, "input"), "input")
    out.add("assistant", out.take(row, "output"), "output")


def alpaca(row: RawRow, out: Converted) -> None:
    """{"instruction", "input", "output"} with optional "system" and "history": the question is both, joined."""
    out.add("system", out.take(row, "system"), "system")
    _history(out.take(row, "history"), out)
    parts = [clean_text(out.take(row, key), key, out.repairs) for key in ("instruction", "input")]
    out.add("user", "\n".join(part for part in parts if not is_blank(part)), "instruction")
    out.add("assistant", out.take(row, "output"), "output")


def query_response(row: RawRow, out: Converted) -> None:
    """{"query", "response"} with optional "system" and "history" of pairs."""
    out.add("system", out.take(row, "system"), "system")
    _history(out.take(row, "history"), out)
    out.add("user", out.take(row, "query"), "query")
    out.add("assistant", out.take(row, "response"), "response")


def prompt_completion(row: RawRow, out: Converted) -> None:
    """{"prompt", "completion"}."""
    out.add("system", out.take(row, "system"), "system")
    out.add("user", out.take(row, "prompt"), "prompt")
    out.add("assistant", out.take(row, "completion"), "completion")


def question_answer(row: RawRow, out: Converted) -> None:
    """{"question", "answer"}."""
    out.add("system", out.take(row, "system"), "system")
    out.add("user", out.take(row, "question"), "question")
    out.add("assistant", out.take(row, "answer"), "answer")


def messages(row: RawRow, out: Converted) -> None:
    """{"messages": [{"role", "content"}]}."""
    out.add("system", out.take(row, "system"), "system")
    _turns(out.take(row, "messages"), "messages", out)


def conversations(row: RawRow, out: Converted) -> None:
    """{"conversations": [{"from", "value"}]}."""
    out.add("system", out.take(row, "system"), "system")
    _turns(out.take(row, "conversations"), "conversations", out)


FORMATS: dict[str, Format] = {
    "messages": Format(("messages",), messages),
    "conversations": Format(("conversations",), conversations),
    "alpaca": Format(("instruction", "output"), alpaca),
    "input/output": Format(("input", "output"), input_output, excludes=("instruction",)),
    "query/response": Format(("query", "response"), query_response),
    "prompt/completion": Format(("prompt", "completion"), prompt_completion),
    "question/answer": Format(("question", "answer"), question_answer),
}


# --------------------------------------------------------------------------------------------- choosing


def convert(value: Any, name: str, fields: Mapping[str, str]) -> tuple[Conversation, str, Converted]:
    """The conversation of a row, the name of its shape, and what was repaired and used.

    `name` is a shape or "auto"; `fields` maps system, question, answer or messages to keys and comes first.
    Where it names the system alone, the shape is told by the other keys.
    Raises BadRow.
    """
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, dict):
        raise BadRow("not_an_object", say("the row must be an object with named fields"))
    out = Converted()
    if set(fields) == {"system"}:
        value = _with_system(value, fields["system"], out)
    if "question" in fields or "messages" in fields:
        _by_fields(value, fields, out)
        shape = "fields"
    else:
        shape = detect(value) if name == "auto" else name
        missing = [k for k in FORMATS[shape].needs if k not in value]
        if missing:
            raise _missing(value, missing)
        FORMATS[shape].read(value, out)
    check_order(out.messages)
    return Conversation(tuple(out.messages)), shape, out


def detect(row: RawRow) -> str:
    """The shape of a row by its keys; raises BadRow (ambiguous, missing_field)."""
    fitting = [name for name, shape in FORMATS.items() if shape.fits(row)]
    if len(fitting) > 1:
        names = ", ".join(fitting)
        raise BadRow(
            "ambiguous",
            say("the row fits several shapes: {names}; set data.format or data.fields", names=names),
        )
    if fitting:
        return fitting[0]
    needs = _nearest_needs(tuple(list(row)[:50]))
    raise _missing(row, [k for k in needs if k not in row])


@functools.lru_cache(maxsize=256)
def _nearest_needs(keys: tuple[str, ...]) -> tuple[str, ...]:
    """The needs of the shape that most of the keys fit, a misspelt one counting half."""

    def fit(shape: Format) -> int:
        near = [k for k in shape.needs if difflib.get_close_matches(k, keys, n=1, cutoff=0.6)]
        return len(near) + sum(k in keys for k in near)

    return max(FORMATS.values(), key=fit).needs


def _missing(row: RawRow, missing: list[str]) -> BadRow:
    near = difflib.get_close_matches(missing[0], list(row), n=1, cutoff=0.6)
    keys = ", ".join(printable(key) for key in list(row)[:8]) or "none"
    if near:
        detail = say("has no field {key!r}; is {near!r} misspelt?", key=missing[0], near=near[0])
    else:
        detail = say("has no field {key!r}; its fields are: {keys}", key=missing[0], keys=keys)
    return BadRow("missing_field", detail)


def _with_system(row: RawRow, key: str, out: Converted) -> RawRow:
    """The row with the value of `key` under "system"."""
    rest = {k: v for k, v in row.items() if k != key}
    return {**rest, "system": out.take(row, key)} if key in row else rest


def _by_fields(row: RawRow, fields: Mapping[str, str], out: Converted) -> None:
    absent = [key for part, key in fields.items() if key not in row and part != "system"]
    if absent:
        raise _missing(row, absent)
    if "system" in fields:
        out.add("system", out.take(row, fields["system"]), fields["system"])
    if "messages" in fields:
        _turns(out.take(row, fields["messages"]), fields["messages"], out)
        return
    out.add("user", out.take(row, fields["question"]), fields["question"])
    if "answer" in fields:
        out.add("assistant", out.take(row, fields["answer"]), fields["answer"])


# ----------------------------------------------------------------------------------------- conversations


def _history(value: Any, out: Converted) -> None:
    if value is None:
        return
    if not isinstance(value, list):
        raise BadRow("wrong_type", say("{name} must be a list of turns", name="history"))
    for pair in value:
        if not (isinstance(pair, list) and len(pair) == 2):
            raise BadRow("wrong_type", say("{name} must hold pairs of question and answer", name="history"))
        out.add("user", pair[0], "history")
        out.add("assistant", pair[1], "history")


def _turns(value: Any, name: str, out: Converted) -> None:
    if not isinstance(value, list):
        raise BadRow("wrong_type", say("{name} must be a list of turns", name=name))
    for turn in value:
        if not isinstance(turn, dict):
            raise BadRow("wrong_type", say("{name} must hold objects with role and content", name=name))
        role_key = "from" if "from" in turn and "role" not in turn else "role"
        text_key = "value" if "value" in turn and "content" not in turn else "content"
        for key in (role_key, text_key):
            if key not in turn:
                raise BadRow("missing_field", say("a turn of {name} has no {key!r}", name=name, key=key))
        if turn.get("tool_calls") or turn[role_key] in TOOL_ROLES:
            raise BadRow("tool_turn", say("tool calls are not trained on"))
        out.add(_role(turn[role_key], out), turn[text_key], text_key)


def _role(value: Any, out: Converted) -> Role:
    if isinstance(value, str) and value in ROLES:
        return ROLES[value]
    word = value.strip().lower() if isinstance(value, str) else ""
    role = ROLES.get(word) or ALIASES.get(word)
    if role:
        out.repairs.add("role_alias")
        return role
    near = difflib.get_close_matches(word, [*ROLES, *ALIASES], n=1)
    if near:
        raise BadRow(
            "bad_role", say("the role {role!r} is unknown; did you mean {near!r}?", role=value, near=near[0])
        )
    raise BadRow("bad_role", say("the role {role!r} is none of system, user, assistant", role=value))


def check_order(turns: list[Message]) -> None:
    """Raise BadRow unless the turns are an optional system message, then user and assistant in turn, answer last."""
    talk = turns[1:] if turns and turns[0].role == "system" else turns
    for number, message in enumerate(talk):
        wanted = "user" if number % 2 == 0 else "assistant"
        if message.role != wanted:
            detail = say(
                "turn {number} is {role}, {wanted} was expected",
                number=number + 1,
                role=message.role,
                wanted=wanted,
            )
            raise BadRow("role_order", detail)
    if not talk or talk[-1].role != "assistant":
        raise BadRow("no_answer_turn", say("the conversation has no answer at its end"))
