"""Messages between the processes of a run, through the store that torch.distributed meets in.

Nobody waits inside the store: every wait is a loop in Python that looks for what has happened meanwhile, so that
a lost process, a failure elsewhere and Ctrl-C are seen while nothing else comes.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from loralab.errors import Problem, RankLost
from loralab.words import say

Message = dict[str, Any]
LEAST_SLEEP_SECONDS, MOST_SLEEP_SECONDS = 5e-5, 0.02
SLEEP_SHARE = 0.05  # of the time waited so far: what a wait may cost on top


@dataclass
class Channel:
    """One process's end of the store. Rank 0 tells all others, in order; any may leave a note under a key."""

    store: Any
    rank: int
    world: int
    messages: int = 0  # told, on rank 0; heard, elsewhere

    def tell(self, **message: Any) -> None:
        """Send a message to all other processes."""
        self.messages += 1
        self.put(f"message/{self.messages}", message)

    def heard(self) -> Message | None:
        """The next message, if it is there."""
        found = self.find(f"message/{self.messages + 1}")
        self.messages += found is not None
        return found

    def put(self, key: str, note: Message) -> None:
        """Leave a note for who looks for it."""
        with reaching_others():
            self.store.set(key, json.dumps(note))

    def find(self, key: str) -> Message | None:
        """The note under a key, if there is one."""
        with reaching_others():
            return dict(json.loads(self.store.get(key))) if self.store.check([key]) else None


@contextlib.contextmanager
def reaching_others() -> Iterator[None]:
    """Turn an error of the connection into RankLost. torch raises RuntimeError for every such error.

    Its own words are for programmers, and go into the log with the trace.
    """
    try:
        yield
    except RuntimeError as error:
        words = say("another process of this run is gone, or cannot be reached any more")
        raise RankLost(Problem(words)) from error


def wait_until(is_there: Callable[[], bool], look: Callable[[], None]) -> None:
    """Return once something is there; `look` is called in between, and may raise."""
    began = time.monotonic()
    while not is_there():
        look()
        waited = time.monotonic() - began
        time.sleep(min(MOST_SLEEP_SECONDS, max(LEAST_SLEEP_SECONDS, SLEEP_SHARE * waited)))
