"""A raw row in, a conversation out: which shape the row has, and the function that reads it.

A new shape is one function and one line in FORMATS.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any

from loralab.data import law_shapes, shapes
from loralab.data.conversation import Conversation
from loralab.data.converted import Converted, RawRow
from loralab.data.misfits import missing, no_shape, other_purpose
from loralab.data.reasons import BadRow
from loralab.data.text import is_absent
from loralab.data.turns import check_order, read_turns
from loralab.words import say

LETTERS = tuple(ascii_uppercase)


@dataclass(frozen=True, slots=True)
class Format:
    """A shape: how a row of it is read, the keys it needs, and those it reads if they are there.

    `answer` is the one of the needed keys that a row without an answer lacks.
    """

    read: Callable[[RawRow, Converted], None]
    needs: tuple[str, ...]
    answer: str = ""
    optional: tuple[str, ...] = ("system", "history")

    def required(self, answer: bool) -> tuple[str, ...]:
        """The keys that must be there."""
        return self.needs if answer else tuple(key for key in self.needs if key != self.answer)


_ALONE, _INPUT = ("system",), ("system", "history", "input")
_CHOICES = ("system", "history", *LETTERS)

FORMATS: dict[str, Format] = {
    "messages": Format(shapes.messages, ("messages",), optional=_ALONE),
    "conversations": Format(shapes.conversations, ("conversations",), optional=_ALONE),
    "conversation": Format(shapes.conversation, ("conversation",), optional=_ALONE),
    "alpaca": Format(shapes.alpaca, ("instruction", "output"), "output", _INPUT),
    "input/output": Format(shapes.input_output, ("input", "output"), "output"),
    "query/response": Format(shapes.query_response, ("query", "response"), "response"),
    "prompt/completion": Format(shapes.prompt_completion, ("prompt", "completion"), "completion"),
    "prompt/response": Format(shapes.prompt_response, ("prompt", "response"), "response"),
    "question/answer": Format(shapes.question_answer, ("question", "answer"), "answer"),
    "instruction/response": Format(
        shapes.instruction_response, ("instruction", "response"), "response", _INPUT
    ),
    "instruction/context/response": Format(
        shapes.instruction_context_response, ("instruction", "context", "response"), "response"
    ),
    "instruction/input/answer": Format(
        shapes.instruction_input_answer, ("instruction", "input", "answer"), "answer"
    ),
    "instruction/question/answer": Format(
        shapes.instruction_question_answer, ("instruction", "question", "answer"), "answer"
    ),
    "query/laws/history": Format(law_shapes.query_laws_history, ("query", "laws", "history")),
    "query/laws/response": Format(law_shapes.query_laws_response, ("query", "laws", "response"), "response"),
    "input/reference/output": Format(
        law_shapes.input_reference_output, ("input", "reference", "output"), "output"
    ),
    "input/choices/output": Format(
        law_shapes.input_choices_output, ("input", "A", "B", "output"), "output", _CHOICES
    ),
    "question/choices/answer": Format(
        law_shapes.question_choices_answer, ("question", "A", "B", "answer"), "answer", _CHOICES
    ),
}

# keys whose value, not only their name, is asked for before a shape is told
_EXTRAS = frozenset({"laws", "reference", "context", "history", "input", *LETTERS})
_DOUBTFUL = frozenset(
    {"laws", "reference", "context", "A", "chosen", "rejected", "rejected_response", "rejected_messages"}
    | {"kto_tag", "label"}
)


def convert(
    value: Any, name: str, fields: Mapping[str, str], answer: bool = True
) -> tuple[Conversation, str, Converted]:
    """The conversation of a row, the name of its shape, and what was repaired and used.

    `name` is a shape or "auto"; `fields` maps system, question, answer or messages to keys and comes first.
    Where it names the system alone, the shape is told by the other keys. With `answer` false the row may lack an
    answer: the conversation then ends with the user's turn. Raises BadRow.
    """
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, dict):
        raise BadRow("not_an_object", say("the row must be an object with named fields"))
    out = Converted(answer)
    if fields and set(fields) != {"system"}:
        _by_fields(value, fields, out)
        shape = "fields"
    else:
        row = _with_system(value, fields["system"]) if fields else value
        shape = detect(row, answer) if name == "auto" else name
        _read(row, FORMATS[shape], out)
        if fields:
            _rename_used(value, fields["system"], out)
    check_order(out.messages, answer)
    return Conversation(tuple(out.messages)), shape, out


def _read(row: RawRow, shape: Format, out: Converted) -> None:
    absent = [key for key in shape.required(out.answer) if key not in row]
    if absent:
        raise missing(row, absent[0])
    shape.read(row, out)
    for key in _EXTRAS.intersection(row).difference(out.used):
        if is_absent(row[key]):
            out.used.add(key)  # it was looked at, and says nothing


def _with_system(row: RawRow, key: str) -> RawRow:
    """The row with the value of `key` under "system"."""
    rest = {k: v for k, v in row.items() if k not in (key, "system")}
    return {**rest, "system": row[key]} if key in row else rest


def _rename_used(row: RawRow, key: str, out: Converted) -> None:
    """What was used as "system" stood under `key` in the row itself."""
    out.used.discard("system")
    if key in row:
        out.used.add(key)


def _by_fields(row: RawRow, fields: Mapping[str, str], out: Converted) -> None:
    lenient = {"system"} if out.answer else {"system", "answer"}
    absent = [key for part, key in fields.items() if key not in row and part not in lenient]
    if absent:
        raise missing(row, absent[0])
    if "system" in fields:
        out.add("system", out.text(row, fields["system"]), fields["system"])
    if "messages" in fields:
        read_turns(out.take(row, fields["messages"]), fields["messages"], out)
        return
    out.add("user", out.text(row, fields["question"]), fields["question"])
    if "answer" in fields:
        out.reply(row, fields["answer"])


# --------------------------------------------------------------------------------------------- detecting


def detect(row: RawRow, answer: bool = True) -> str:
    """The shape of a row: the one that explains more of its keys than any other that fits.

    Keys that hold nothing tell a shape only if no other do. Raises BadRow: ambiguous where two shapes explain
    different keys, missing_field where none fits or the row is meant for another kind of training.
    """
    return _certain(tuple(row), answer) or _by_values(row, answer)


@functools.lru_cache(maxsize=1024)
def _certain(keys: tuple[str, ...], answer: bool) -> str:
    """The shape that the keys alone tell; empty if the values must be looked at."""
    names = _fitting(keys, answer)
    return names[0] if len(names) == 1 and _DOUBTFUL.isdisjoint(keys) else ""


def _by_values(row: RawRow, answer: bool) -> str:
    purpose = other_purpose(row)
    if purpose:
        raise purpose
    filled = tuple(key for key, value in row.items() if not is_absent(value))
    names = _fitting(filled, answer) or _fitting(tuple(row), answer)
    if not names:
        raise no_shape(row, [shape.required(answer) for shape in FORMATS.values()])
    if len(names) > 1:
        listed = ", ".join(names)
        raise BadRow(
            "ambiguous",
            say("the row fits several shapes: {names}; set data.format or data.fields", names=listed),
        )
    return names[0]


@functools.lru_cache(maxsize=1024)
def _fitting(keys: tuple[str, ...], answer: bool) -> tuple[str, ...]:
    """The shapes that fit, less those of which another explains all keys and more."""
    present = frozenset(keys)
    for asked in (True,) if answer else (True, False):
        explained = {
            name: present.intersection(shape.needs) | present.intersection(shape.optional)
            for name, shape in FORMATS.items()
            if present.issuperset(shape.required(asked))
        }
        best = {
            name: k for name, k in explained.items() if not any(k < other for other in explained.values())
        }
        first = {
            k: name for name, k in reversed(best.items())
        }  # without answers, some read the question alike
        if first:
            return tuple(sorted(first.values(), key=list(FORMATS).index))
    return ()
