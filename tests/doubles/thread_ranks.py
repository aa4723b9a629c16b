"""A config in, a run that several ranks share out, each a thread of this process: what torch.distributed does is played.

Messages go through a real store, sums through `Meeting`; everything else is the code that real processes run.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from loralab.train import execute as executing
from loralab.train.ranks import follow as following
from loralab.train.ranks.channel import Channel
from loralab.train.ranks.group import Group
from loralab.train.ranks.lead import Leader
from loralab.train.ranks.place import Place
from loralab.train.stop import StopRequest


@dataclass
class Meeting:
    """What each rank brings to each sum, by number of the sum."""

    world: int
    brought: dict[int, dict[int, Any]] = field(default_factory=dict)

    def bring(self, number: int, rank: int, tensor: Any) -> None:
        self.brought.setdefault(number, {})[rank] = tensor.clone()

    def has_all(self, number: int) -> bool:
        return len(self.brought.get(number, {})) == self.world

    def total(self, number: int) -> Any:
        parts = self.brought[number]
        return sum(parts[rank] for rank in range(1, self.world)) + parts[0]


class ThreadGroup(Group):
    """A group whose processes are threads."""

    def __init__(self, store: Any, meeting: Meeting, rank: int) -> None:
        place = Place(rank, meeting.world, rank, meeting.world, "here", 1)
        super().__init__(Channel(store, rank, meeting.world), place, "threads", StopRequest())
        self.meeting, self.number = meeting, 0

    def all_reduce(self, flat: Any) -> None:
        flat.copy_(self._meet(flat))

    def broadcast(self, tensor: Any) -> None:
        tensor.copy_(self._meet(tensor if self.rank == 0 else tensor * 0))

    def all_gather(self, full: Any, part: Any) -> None:
        import torch

        parts = self.meeting.brought[self._bring(part)]
        full.copy_(torch.cat([parts[rank] for rank in range(self.world)]))

    def leave(self) -> None:
        self.channel.put(f"gone/{self.rank}", {})
        self.wait(
            lambda: all(self.channel.find(f"gone/{r}") is not None for r in range(self.world)), lambda: None
        )
        self.beat.stop()

    def _meet(self, tensor: Any) -> Any:
        return self.meeting.total(self._bring(tensor))

    def _bring(self, tensor: Any) -> int:
        """The number of the sum, once all have brought their tensor to it."""
        self.number += 1
        self.meeting.bring(self.number, self.rank, tensor)
        self.wait(lambda: self.meeting.has_all(self.number), self.look)
        return self.number


@dataclass
class Ranks:
    """Rank 0 for a run in this thread, and how the others ended."""

    leader: Leader
    groups: list[ThreadGroup]
    others: list[Future[None]]


@contextmanager
def thread_ranks(world: int) -> Iterator[Ranks]:
    """Rank 0, with the other ranks following it in threads; in the end they have all ended."""
    import torch.distributed as dist

    store, meeting, lock = dist.HashStore(), Meeting(world), threading.Lock()
    groups = [ThreadGroup(store, meeting, rank) for rank in range(world)]
    with (
        one_at_a_time(lock),
        ThreadPoolExecutor(max(1, world - 1)) as pool,
    ):
        ranks = Ranks(Leader(groups[0]), groups, [pool.submit(following.follow, g) for g in groups[1:]])
        try:
            yield ranks
        except BaseException:
            ranks.leader.end(well=False)
            raise
        ranks.leader.end(well=True)


@contextmanager
def one_at_a_time(lock: threading.Lock) -> Iterator[None]:
    """Let no two threads load a model at once: seeds and warnings filters are those of the process."""

    def locked(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            with lock:
                return function(*given, **named)

        return call

    with (
        mock.patch.object(executing, "load_tuned", locked(executing.load_tuned)),
        mock.patch.object(following, "load_tuned", locked(following.load_tuned)),
        mock.patch.object(following, "plan_job", locked(following.plan_job)),
    ):
        yield
