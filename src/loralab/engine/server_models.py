"""A server's address and a model's name in, who answers there out: name as it is to be sent, engine, version, limit."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from loralab.engine.server_address import Address
from loralab.engine.server_link import Link
from loralab.engine.server_patience import Patience, patiently
from loralab.engine.server_text import short_line
from loralab.errors import Problem, UsageError
from loralab.words import Words, say

# who is there has to be known at once, or not at all
LOOK_TRIES, LOOK_SECONDS = 3, 30.0
VERSION_PATHS = {"vllm": ("/version",), "sglang": ("/server_info", "/get_server_info")}
LONGEST_NAME = 200
MOST_NAMES = 10


@dataclass(frozen=True)
class Served:
    """A model of a server. `max_tokens` is the most that prompt and answer may have together, where it is told."""

    address: Address
    model: str
    engine: str
    version: str | None
    is_adapter: bool
    max_tokens: int | None

    @property
    def software(self) -> str:
        """Engine and version as in "vllm 0.11.0"."""
        return f"{self.engine} {self.version or '(version unknown)'}"

    @property
    def backend(self) -> str:
        """For the evaluation fingerprint. Without the model's name: a base and its adapter are to be compared."""
        return f"server {self.software}"


@dataclass(frozen=True)
class _Card:
    """An entry of the server's list of models; an adapter names its base as `parent`."""

    id: str
    owner: str
    parent: str | None
    max_tokens: int | None

    @property
    def sent(self) -> str:
        """The name to send. SGLang answers to an adapter's name alone with the base, and says nothing."""
        return f"{self.parent}:{self.id}" if self.owner == "sglang" and self.parent else self.id


def find_served(address: Address, name: str | None, patience: Patience) -> Served:
    """The model of that name, or the only whole one where no name is given.

    Raises UsageError if the server lists no such model, ResourceError if it cannot be reached.
    """
    look = replace(patience, tries=min(patience.tries, LOOK_TRIES))
    link = Link(address, min(patience.answer_seconds, LOOK_SECONDS))
    try:
        cards = _cards(_got(link, "/v1/models", look), address)
        card = _chosen(cards, name, address)
        version = _version(link, card.owner, look)
    finally:
        link.close()
    base = next((c for c in cards if c.id == card.parent), card)
    return Served(
        address, card.sent, card.owner, version, card.parent is not None, card.max_tokens or base.max_tokens
    )


def _got(link: Link, path: str, patience: Patience) -> dict[str, Any]:
    def pause(seconds: float) -> bool:
        time.sleep(seconds)
        return False

    return patiently(
        lambda: link.exchange(path), patience, str(link.address), pause, lambda reason, seconds: None
    )


def _cards(value: dict[str, Any], address: Address) -> list[_Card]:
    entries = value.get("data")
    if not isinstance(entries, list) or not all(_is_entry(e) for e in entries):
        what = say("does not list its models as an OpenAI-compatible server does")
        raise UsageError(Problem(what, str(address)))
    return [
        _Card(
            e["id"], short_line(str(e.get("owned_by") or "-"), longest=LONGEST_NAME), e.get("parent") or None,
            _count(e.get("max_model_len")),
        )
        for e in entries
    ]  # fmt: skip


def _is_entry(entry: Any) -> bool:
    return (
        isinstance(entry, dict)
        and isinstance(entry.get("id"), str)
        and isinstance(entry.get("parent"), (str, type(None)))
    )


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and value > 0 else None


def _chosen(cards: Sequence[_Card], name: str | None, address: Address) -> _Card:
    whole = [card for card in cards if card.parent is None]
    found = whole if name is None else [card for card in cards if name in (card.id, card.sent)]
    if len(found) == 1:
        return found[0]
    names = [short_line(card.sent, longest=LONGEST_NAME) for card in cards]
    listed = ", ".join(names[:MOST_NAMES]) + (", ..." if len(names) > MOST_NAMES else "")
    raise UsageError(Problem(_not_one(name, len(found)), str(address), next=say("--server-model with one of: {names}", names=listed or "-")))  # fmt: skip


def _not_one(name: str | None, found: int) -> Words:
    if name is None:
        return say("serves {n} whole models: it is not clear which one to ask", n=found)
    return say("serves {n} models of the name {name!r}", n=found, name=name)


def _version(link: Link, owner: str, patience: Patience) -> str | None:
    """What the server says of its own version; None if it does not tell."""
    for path in VERSION_PATHS.get(owner, ("/version",)):
        try:
            version = _got(link, path, patience).get("version")
        except UsageError:  # no such path, or not for this key
            continue
        if isinstance(version, str):
            return short_line(version, longest=LONGEST_NAME)
    return None
