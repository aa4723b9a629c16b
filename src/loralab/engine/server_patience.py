"""A request that may fail in, its answer out: sent again with growing pauses, up to a limit."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import TypeVar

from loralab.engine.server_link import TryAgain
from loralab.errors import Problem, ResourceError
from loralab.words import Words, say

CHANCE = random.SystemRandom()  # the seeded generators belong to training
Result = TypeVar("Result")
Pause = Callable[[float], bool]
Setback = Callable[[Words, float], None]


class Stopped(Exception):
    """Nobody waits for the answer any more."""


@dataclass(frozen=True)
class Patience:
    """How often a request is sent, how long it may take, and the pauses between: doubled each time, in seconds.

    The server may ask for a longer pause, up to `longest_asked_seconds`.
    """

    tries: int = 8
    answer_seconds: float = 600.0
    first_pause_seconds: float = 1.0
    longest_pause_seconds: float = 60.0
    longest_asked_seconds: float = 600.0

    def pause_seconds(self, failures: int) -> float:
        """The pause after so many failures; by chance up to half shorter, so that requests do not come all at once."""
        longest = min(self.longest_pause_seconds, self.first_pause_seconds * 2.0 ** (failures - 1))
        return longest * CHANCE.uniform(0.5, 1.0)


def patiently(
    ask: Callable[[], Result], patience: Patience, where: str, pause: Pause, on_setback: Setback
) -> Result:
    """What `ask` returns in the first try in which it does not raise TryAgain.

    `pause` sleeps, and returns True to have it end with Stopped; `on_setback` gets the reason and the pause of each
    failure after which there is another try. Raises ResourceError after the last one.
    """
    for failures in count(1):
        try:
            return ask()
        except TryAgain as failed:
            if failures == patience.tries or failed.wait_seconds > patience.longest_asked_seconds:
                raise ResourceError(_given_up(failed, failures, where)) from None
            seconds = max(patience.pause_seconds(failures), failed.wait_seconds)
            on_setback(failed.reason, seconds)
        if pause(seconds):
            raise Stopped
    raise AssertionError


def _given_up(failed: TryAgain, failures: int, where: str) -> Problem:
    what = say("the server gave no answer in {n} tries: {reason}", n=failures, reason=failed.reason)
    if failed.wait_seconds:
        seconds = f"{failed.wait_seconds:.0f}"
        what = say("{what}; it asks for a pause of {seconds} s", what=what, seconds=seconds)
    advice = say("see to the server; the same command then asks only what is missing")
    return Problem(what, where, next=advice)
