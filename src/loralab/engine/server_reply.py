"""A completion's JSON in, the answer's tokens and why it ended out, as the local generator would have ended it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from loralab.engine.server_text import short_line
from loralab.errors import Problem, ResourceError, UsageError, UserError
from loralab.words import Words, say


@dataclass(frozen=True)
class Sent:
    """What was asked for: of which model, with which prompt, up to how many tokens, and what ends an answer."""

    model: str
    prompt: Sequence[int]
    max_new_tokens: int
    stop_ids: Collection[int]


@dataclass(frozen=True)
class Reply:
    """Token ids without the stop token, and why they ended."""

    ids: tuple[int, ...]
    finish_reason: Literal["stop", "length"]


def read_reply(value: dict[str, Any], sent: Sent, where: str) -> Reply:
    """The answer in a completion.

    It ends before the first stop token, or at the length that was asked for. Raises UsageError if another model
    answered, another prompt was read, or no token ids came; ResourceError if the answer ended in any other way.
    """
    if value.get("model") != sent.model:
        what = say("asked for the model {asked!r}, the answer is of {found!r}",
                   asked=sent.model, found=short_line(str(value.get("model"))))  # fmt: skip
        raise _unusable(what, where, say("--server-model with the name that the server itself uses"))
    choice = _choice(value, where)
    ids = _ids(choice.get("token_ids"))
    if ids is None:
        what = say("the server sends no token ids (return_token_ids), so that answers cannot be read exactly")
        raise _unusable(what, where, say("use a version of vLLM or SGLang that sends them"))
    read = choice.get("prompt_token_ids", value.get("prompt_token_ids"))
    if read is not None and _ids(read) != tuple(sent.prompt):
        raise _unusable(say("the server read another prompt than the one that was sent"), where)
    return _ended(ids, choice, sent, where)


def _choice(value: dict[str, Any], where: str) -> dict[str, Any]:
    choices = value.get("choices")
    if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], dict):
        raise _unusable(say("the answer is no completion with one choice"), where)
    return choices[0]


def _ids(value: Any) -> tuple[int, ...] | None:
    if isinstance(value, list) and all(type(i) is int and i >= 0 for i in value):
        return tuple(value)
    return None


def _ended(ids: tuple[int, ...], choice: dict[str, Any], sent: Sent, where: str) -> Reply:
    reason, matched = choice.get("finish_reason"), choice.get("stop_reason")  # vLLM's field
    if matched is None:
        matched = choice.get("matched_stop")  # SGLang's
    # no words were sent that end an answer: a server that names some has ended it for its own reasons
    if reason not in ("stop", "length") or isinstance(matched, str):
        raise _cut(say("the server ended an answer for the reason {reason!r}", reason=short_line(f"{reason} {matched or ''}")), where)  # fmt: skip
    end = next((place for place, token in enumerate(ids) if token in sent.stop_ids), None)
    length = len(ids) if end is None else end + 1
    if length > sent.max_new_tokens:
        raise _cut(say("the server sent {n} tokens, {limit} were asked for", n=length, limit=sent.max_new_tokens), where)  # fmt: skip
    if end is not None:
        return Reply(ids[:end], "stop")
    if reason == "stop":
        return Reply(ids, _stopped(ids, matched, sent, where))
    if len(ids) < sent.max_new_tokens:
        what = say("the server ended an answer after {n} of {limit} tokens: its context is too short for more",
                   n=len(ids), limit=sent.max_new_tokens)  # fmt: skip
        raise _cut(what, where)
    return Reply(ids, "length")


def _stopped(ids: tuple[int, ...], matched: Any, sent: Sent, where: str) -> Literal["stop"]:
    """For an answer in which no stop token stands: the server has to name the one that it left out."""
    named = matched if isinstance(matched, int) else None
    if named in sent.stop_ids:
        return "stop"
    token = named if named is not None else ids[-1] if ids else "-"
    what = say("the server ended an answer at the token {token}, which ends none here", token=token)
    raise _cut(what, where, say("serve without stop tokens of its own (vLLM: --generation-config vllm)"))


def _unusable(what: Words, where: str, advice: Words | None = None) -> UserError:
    return UsageError(Problem(what, where, next=advice))


def _cut(what: Words, where: str, advice: Words | None = None) -> UserError:
    return ResourceError(Problem(what, where, next=advice))
