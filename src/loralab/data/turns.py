"""A list of turns in, messages out: roles, contents, flags, and the order of speakers."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

from loralab.data.conversation import Message, Role
from loralab.data.converted import Converted, RawRow
from loralab.data.reasons import BadRow
from loralab.data.text import clean_text, is_blank, kind, printable
from loralab.words import say

ROLES: dict[str, Role] = {"system": "system", "user": "user", "assistant": "assistant"}
ALIASES: dict[str, Role] = {
    "human": "user", "prompter": "user", "gpt": "assistant", "bot": "assistant", "model": "assistant",
    "chatgpt": "assistant", "ai": "assistant", "developer": "system",
}  # fmt: skip
TOOL_ROLES = (
    "tool", "function", "observation", "observations", "ipython",
    "tool_call", "tool_calls", "tool_response", "function_call", "function_response",
)  # fmt: skip
TOOL_KEYS = ("tool_calls", "function_call")
FLAGS = ("train", "loss", "output_with_loss", "weight")  # ours, ms-swift, XTuner, OpenAI fine-tuning
ROUNDS = (("human", "assistant"), ("input", "output"))  # ms-swift and Firefly, XTuner


def read_turns(value: Any, name: str, out: Converted, trained: bool = True) -> None:
    """Add the messages of a list of turns, or of rounds that hold a question and its answer.

    A turn is {"role", "content"} or {"from", "value"}; a round is {"human", "assistant"} or {"input", "output"}.
    `trained` holds for answers that do not say it themselves.
    Raises BadRow: wrong_type, missing_field, bad_role, tool_turn, ambiguous, and those of `clean_text`.
    """
    if not isinstance(value, list):
        raise BadRow("wrong_type", say("{name} must be a list of turns", name=name))
    for number, turn in enumerate(value, 1):
        if not isinstance(turn, dict):
            raise BadRow("wrong_type", say("{name} must hold objects with role and content", name=name))
        place = f"{name}#{number}"
        optional = not out.answer and number == len(value)
        keys = _round_keys(turn)
        if keys:
            _read_round(turn, keys, place, out, trained, optional)
        else:
            _read_turn(turn, place, out, trained, optional)


# ----------------------------------------------------------------------------------------- turns, rounds


def _read_turn(turn: RawRow, place: str, out: Converted, trained: bool, optional: bool) -> None:
    role_key = "from" if "from" in turn and "role" not in turn else "role"
    text_key = "value" if "value" in turn and "content" not in turn else "content"
    _refuse_tools(turn, turn.get(role_key))
    for key in (role_key, text_key):
        if key not in turn:
            raise BadRow("missing_field", say("{place} has no {key!r}", place=place, key=key))
    role = _role(turn[role_key], place, out)
    name = f"{place}.{text_key}"
    text = clean_text(_joined_parts(turn[text_key], name), name, out.repairs)
    if len(turn) > 2:
        trained = _trained(turn, role, place, trained)
        _note_unused(turn, (role_key, text_key), place, out)
    _add(role, text, name, trained, out, optional)


def _round_keys(turn: RawRow) -> tuple[str, str] | None:
    if "role" in turn or "from" in turn:
        return None
    return next((keys for keys in ROUNDS if keys[0] in turn), None)


def _read_round(
    turn: RawRow, keys: tuple[str, str], place: str, out: Converted, trained: bool, optional: bool
) -> None:
    roles: tuple[tuple[Role, str], ...] = (("system", "system"), ("user", keys[0]), ("assistant", keys[1]))
    trained = _trained(turn, "assistant", place, trained)
    for role, key in roles:
        name = f"{place}.{key}"
        text = clean_text(turn.get(key), name, out.repairs)
        _add(role, text, name, trained, out, optional)
    _note_unused(turn, ("system", *keys), place, out)


def _add(role: Role, text: str, name: str, trained: bool, out: Converted, optional: bool) -> None:
    """One message; an answer that is optional may be blank, a system message may repeat that of the row."""
    if role == "assistant" and optional and is_blank(text):
        return
    if role == "system" and len(out.messages) == 1 and out.messages[0] == Message("system", text):
        return
    out.add(role, text, name, trained or role != "assistant")


def _note_unused(turn: RawRow, used: Sequence[str], place: str, out: Converted) -> None:
    for key in turn:
        if key not in used and key not in TOOL_KEYS and key not in FLAGS and turn[key] is not None:
            out.unused.add(f"{place.rpartition('#')[0]}[].{key}")


# ----------------------------------------------------------------------------------- what a turn may hold


def _refuse_tools(turn: RawRow, role: Any) -> None:
    called = len(turn) > 2 and any(turn.get(key) for key in TOOL_KEYS)
    if called or (isinstance(role, str) and role.lower().replace("-", "_") in TOOL_ROLES):
        raise BadRow("tool_turn", say("tool calls are not trained on"))


def _role(value: Any, place: str, out: Converted) -> Role:
    if isinstance(value, str) and value in ROLES:
        return ROLES[value]
    word = value.strip().lower() if isinstance(value, str) else ""
    role = ROLES.get(word) or ALIASES.get(word)
    if role:
        out.repairs.add("role_alias")
        return role
    near = difflib.get_close_matches(word, [*ROLES, *ALIASES], n=1)
    raise BadRow(
        "bad_role",
        say(
            "{place}: the role {role!r} is unknown; did you mean {near!r}?",
            place=place,
            role=value,
            near=near[0],
        )
        if near
        else say("{place}: the role {role!r} is none of system, user, assistant", place=place, role=value),
    )


def _joined_parts(value: Any, name: str) -> Any:
    """The texts of OpenAI content parts as one text, nothing between them; other values as they are."""
    if not isinstance(value, list):
        return value
    return "".join(_part(part, name) for part in value)


def _part(part: Any, name: str) -> str:
    if not isinstance(part, dict):
        form = kind(part)
    elif part.get("type") is None:
        raise BadRow("wrong_type", say("{name}: a part has no type", name=name))
    elif part["type"] == "text":
        return _part_text(part.get("text"), name)
    else:
        form = printable(part["type"]) if isinstance(part["type"], str) else kind(part["type"])
    raise BadRow("wrong_type", say("{name} may hold text parts only, found {kind}", name=name, kind=form))


def _part_text(text: Any, name: str) -> str:
    if text is None:
        raise BadRow("wrong_type", say("{name}: a part has no text", name=name))
    if not isinstance(text, str):
        what = say("{name} must be text, found {kind}", name=f"{name}[].text", kind=kind(text))
        raise BadRow("wrong_type", what)
    return text


def _trained(turn: RawRow, role: Role, place: str, default: bool) -> bool:
    """What the flags of a turn say; the default where there are none."""
    said = {key: turn[key] for key in FLAGS if turn.get(key) is not None}
    for key, value in said.items():
        if value not in (0, 1) or isinstance(value, bool) == (key == "weight"):
            wanted = "0, 1" if key == "weight" else "true, false"
            detail = say("{place}: {key} must be one of {wanted}", place=place, key=key, wanted=wanted)
            raise BadRow("wrong_type", detail)
        if role != "assistant" and (value or key == "weight"):
            detail = say(
                "{place}: only assistant turns are trained on, so {key} cannot stand here",
                place=place,
                key=key,
            )
            raise BadRow("wrong_type", detail)
    if len({bool(value) for value in said.values()}) > 1:
        keys = ", ".join(said)
        raise BadRow("wrong_type", say("{place}: {keys} contradict each other", place=place, keys=keys))
    return all(said.values()) if said else default


# ----------------------------------------------------------------------------------------- who speaks when


def check_order(turns: list[Message], answer: bool = True) -> None:
    """Raise BadRow unless the turns are an optional system message, then user and assistant in turn.

    With `answer` the last turn must be the assistant's, and at least one of the assistant's be trained on.
    """
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
    if not answer:
        if not talk:
            raise BadRow("empty_question", say("the conversation has no question"))
    elif len(talk) % 2 or not talk:
        raise BadRow("no_answer_turn", say("the conversation has no answer at its end"))
    elif not any(message.trained for message in talk[1::2]):
        raise BadRow("no_answer_turn", say("no answer of the conversation is marked to be trained on"))
