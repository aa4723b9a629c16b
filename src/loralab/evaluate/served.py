"""A server and who is meant to answer in, the model of that server out, or why it cannot be that one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from loralab.engine.server_address import KEY_VARIABLE, read_address
from loralab.engine.server_models import Served, find_served
from loralab.engine.server_patience import Patience
from loralab.errors import Problem, UsageError
from loralab.evaluate.subject import Subject
from loralab.words import Words, say

IN_FLIGHT = 16  # requests under way at once
DEVICE = "server"  # where answers came from, in place of cpu or cuda

Tell = Callable[[Words], None]


@dataclass(frozen=True)
class ServerChoice:
    """A server that answers in place of this process; without `model` it has to serve one model alone."""

    url: str
    model: str | None = None
    in_flight: int = IN_FLIGHT
    patience: Patience = field(default_factory=Patience)


def find_server(choice: ServerChoice, subject: Subject, tell: Tell) -> Served:
    """The model that answers for the subject.

    Only names can be compared: the server's files are out of sight. Raises UsageError if the name is missing or is
    an adapter's where a model is meant, ResourceError if the server cannot be reached.
    """
    address = read_address(choice.url)
    if subject.adapter and choice.model is None:
        what = say("an adapter is asked by its name on the server, which is not given")
        raise UsageError(Problem(what, str(address), next=say("add --server-model NAME")))
    if address.shows_key:
        words = say("the key in {variable} goes to {server} without encryption",
                    variable=KEY_VARIABLE, server=address)  # fmt: skip
        tell(say("warning: {message}", message=words))
    served = find_served(address, choice.model, choice.patience)
    if served.is_adapter and not subject.adapter:
        what = say("{name} is an adapter there, but a model without one is to be asked", name=served.model)
        advice = say("name the adapter's folder too: --adapter DIR")
        raise UsageError(Problem(what, str(address), next=advice))
    if subject.adapter and not served.is_adapter:
        words = say("{name} is a whole model there: its weights must hold the adapter", name=served.model)
        tell(say("warning: {message}", message=words))
    return served


def refuse_long(served: Served, prompts: Sequence[Sequence[int]], max_new_tokens: int) -> None:
    """Raise UsageError if questions with their answers are longer than the server takes, before any is asked."""
    limit = served.max_tokens
    long = [p for p in prompts if limit is not None and len(p) + max_new_tokens > limit]
    if not long:
        return
    what = say(
        "{n} questions with answers of {tokens} tokens are longer than the {limit} tokens that the server takes",
        n=len(long), tokens=max_new_tokens, limit=limit,
    )  # fmt: skip
    advice = say("serve with a longer context, or set --max-new-tokens lower")
    raise UsageError(Problem(what, str(served.address), next=advice))


def described(served: Served, in_flight: int) -> dict[str, Any]:
    """Who answered, for a record."""
    return {
        "url": str(served.address),
        "model": served.model,
        "engine": served.engine,
        "version": served.version,
        "in_flight": in_flight,
    }
