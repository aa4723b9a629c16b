"""A process of a run whose base is split over all of them in, its passes made together with those of the others out.

Outside of steps process 0 alone passes through the base, as for an answer: it tells the others of each pass, so that they
wait for it without a pending collective. In a step each makes the passes of its own rows; before each of them all say
whether they have one left, and whoever has none takes part without computing, until none is left anywhere.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from loralab.model.shard import Pass, Sharded, Whole
from loralab.train.ranks.channel import Message
from loralab.train.ranks.group import Group

T = TypeVar("T")


class Passes:
    """How the passes of one process fit those of the others. Satisfies `Sharing`.

    Whatever is raised while it waits for the others is raised within `around()`.
    """

    def __init__(
        self, group: Group, around: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext
    ) -> None:
        self._group, self._around, self._in_step = group, around, False
        self.rank, self.world = group.rank, group.world

    def all_gather(self, full: Any, part: Any) -> None:
        """Fill `full` with the parts of all; raises as `Group.all_reduce`."""
        with self._around():
            self._group.all_gather(full, part)

    def call(self, kind: Pass) -> None:
        """Have the others make a pass of this kind too."""
        if self._in_step:
            assert kind == "train"
            self._any_left(True)
            return
        assert self.rank == 0, "only process 0 passes through the base outside of steps"
        with self._around():
            self._group.channel.tell(**{"pass": kind})

    def in_step(self, shard: Whole | Sharded, work: Callable[[], T]) -> T:
        """What `work` gives, with its passes through the base as those of a step; every process must call it."""
        if not isinstance(shard, Sharded):
            return work()
        self._in_step = True
        done = work()
        while self._any_left(False):
            shard.accompany("train")
        self._in_step = False
        return done

    def hear(self, shard: Whole | Sharded) -> Message:
        """The next message of rank 0 that is not of a pass; passes that it tells of are made meanwhile."""
        while True:
            message = self._group.hear()
            if "pass" not in message:
                return message
            assert isinstance(shard, Sharded), "a pass through a base that is not split"
            shard.accompany(message["pass"])

    def _any_left(self, here: bool) -> bool:
        """Whether any process has a pass to make, this one included."""
        import torch

        flag = torch.tensor([float(here)], device="cuda" if self._group.backend == "nccl" else "cpu")
        self._group.all_reduce(flag)
        return bool(flag.item() > 0)
