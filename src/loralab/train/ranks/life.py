"""Signs of life: every process writes a number that grows each second, and is missed when it stops growing."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from loralab.errors import Problem, RankLost
from loralab.train.ranks.channel import Channel
from loralab.words import say

BEAT_SECONDS = 1.0
PATIENCE_SECONDS = 60.0  # without a sign before a process counts as lost
STOPPING_PATIENCE_SECONDS = 10.0  # once this process has been asked to stop, as when torchrun ends all


class Beat:
    """Writes the signs of this process from a thread, and calls `orphaned` when the process that started it is gone."""

    def __init__(self, channel: Channel, has_agent: bool, orphaned: Callable[[], None]) -> None:
        self._channel, self._orphaned = channel, orphaned
        self._parent = os.getppid() if has_agent else None
        self._over = threading.Event()
        self._count = 0
        self._write()
        self._thread = threading.Thread(target=self._beat, name="signs-of-life", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._over.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._over.wait(BEAT_SECONDS):
            if self._parent is not None and os.getppid() != self._parent:
                self._parent = None
                self._orphaned()
            try:
                self._write()
            except RankLost:  # the loop meets it too, and says it
                return

    def _write(self) -> None:
        self._count += 1
        self._channel.put(f"beat/{self._channel.rank}", {"count": self._count})


@dataclass
class Watch:
    """When other processes last gave a new sign, as seen from here. `clock` gives seconds."""

    channel: Channel
    ranks: Sequence[int]
    clock: Callable[[], float] = time.monotonic
    seen: dict[int, tuple[int, float]] = field(default_factory=dict)

    def look(self, patience_seconds: float) -> None:
        """Raise RankLost, naming it, if a process has been silent for longer; call it again and again."""
        now = self.clock()
        for rank in self.ranks:
            count = (self.channel.find(f"beat/{rank}") or {"count": 0})["count"]
            if rank not in self.seen or count != self.seen[rank][0]:
                self.seen[rank] = (count, now)
            silent = now - self.seen[rank][1]
            if silent > patience_seconds:
                words = say("process {rank} of this run has given no sign of life for {seconds:.0f} s",
                            rank=rank, seconds=silent)  # fmt: skip
                raise RankLost(Problem(words))

    def forget(self) -> None:
        """Begin anew: nothing was looked at for a while."""
        self.seen.clear()
