"""A frozen base and the processes that share it in, the base out with its weights split over them.

A process asks for the weights of a unit before it computes with them; all bring their parts, and the unit before is let
go. So that nobody waits for a part that is not brought, all processes make the same passes through the base, and in a
pass all take the same units in the same order, computing with them or not.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Literal, Protocol

from loralab.errors import Problem, ResourceError
from loralab.model.shard_units import Key, Unit, held_bytes, modules_of, split, unsplittable
from loralab.words import say

Pass = Literal["forward", "train"]  # through the layers, or also back again


class Sharing(Protocol):
    """The processes that share a base, as one of them sees them."""

    @property
    def rank(self) -> int:
        """Which of them this is."""

    @property
    def world(self) -> int:
        """How many there are."""

    def all_gather(self, full: Any, part: Any) -> None:
        """Fill `full` with the parts of all, by rank."""

    def call(self, kind: Pass) -> None:
        """Have all others make the pass that this process begins."""


class Whole:
    """A base that lies whole in this process: nothing is gathered."""

    is_split = False

    def one_pass(self, kind: Pass) -> AbstractContextManager[None]:
        """Nobody else takes part in it."""
        return contextlib.nullcontext()

    def hold(self, key: Key) -> None:
        """It is there."""


class Sharded:
    """A base of which at most one unit is whole at a time, and none between passes."""

    is_split = True

    def __init__(self, units: dict[Key, Unit], sharing: Sharing) -> None:
        self.units, self._sharing = units, sharing
        self._held: Unit | None = None
        self._due: list[Unit] | None = None  # in a pass, the units that are still to come

    @contextmanager
    def one_pass(self, kind: Pass) -> Iterator[None]:
        """Within it units can be held; at its end, what the others still take is taken too.

        After an error that the caller may get over, as memory that runs out, also the rest of the pass is taken.
        """
        self._sharing.call(kind)
        self._due = self._order(kind)
        try:
            yield
        except (MemoryError, RuntimeError) as error:
            self._end_after(error)
            raise
        self._end()

    def accompany(self, kind: Pass) -> None:
        """Take part in a pass of others, without computing anything."""
        self._due = self._order(kind)
        self._end()

    def hold(self, key: Key) -> None:
        """Make a unit whole, and no other. Raises UsageError if a pass does not have it next, or later."""
        unit = self.units[key]
        if unit is self._held:
            return
        assert self._due is not None, f"{key} is asked for outside of a pass"
        if unit not in self._due:
            raise unsplittable(say("it does not go through its layers once, from the first to the last"))
        while self._held is not unit:
            self._take_next()

    def _order(self, kind: Pass) -> list[Unit]:
        forward = list(self.units.values())
        layers = [unit for key, unit in self.units.items() if isinstance(key, int)]
        return forward if kind == "forward" else forward + layers[::-1]

    def _take_next(self) -> None:
        assert self._due
        self._let_go()
        self._due[0].fill(self._sharing.all_gather)
        self._held = self._due.pop(0)

    def _end(self) -> None:
        while self._due:
            self._take_next()
        self._let_go()
        self._due = None

    def _end_after(self, error: Exception) -> None:
        """End a pass that was broken off; raises ResourceError if memory does not suffice for that either."""
        try:
            self._end()
        except (MemoryError, RuntimeError) as again:
            words = say(
                "memory ran out in the middle of a pass that all processes share: {reason}", reason=again
            )
            raise ResourceError(Problem(words)) from error

    def _let_go(self) -> None:
        if self._held is not None:
            self._held.clear()
            self._held = None


def shard_base(base: Any, sharing: Sharing, device: str) -> Sharded:
    """Keep this process's part of a base that lies whole in memory, and gather what its modules need as they are called.

    Raises UsageError for a model that cannot be split.
    """
    shard = Sharded(split(base, sharing.rank, sharing.world, device), sharing)
    for key, module in modules_of(base).items():
        module.register_forward_pre_hook(lambda m, inputs, key=key: shard.hold(key))
        module.register_forward_hook(
            lambda m, inputs, output, key=key: _hold_on_the_way_back(shard, key, output)
        )
    return shard


def base_bytes(model: Any, shard: Whole | Sharded) -> int:
    """Bytes of frozen weights that this process holds right now."""
    return held_bytes(model, shard.units if isinstance(shard, Sharded) else {})


def _hold_on_the_way_back(shard: Sharded, key: Key, output: Any) -> None:
    """Ask for a module's weights again once the gradient of its output is known, before that of its input is made."""
    first = output[0] if isinstance(output, tuple) else output
    if first.requires_grad:
        first.register_hook(lambda gradient: shard.hold(key))
