"""A group in, a run's side of it out, on the one process that keeps the record: rank 0."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from loralab.config.render import to_yaml
from loralab.engine.base import Engine, StepLoss, TokenRow
from loralab.errors import Problem, RankLost, UsageError
from loralab.model.adapter import trainable
from loralab.model.load import TunedModel
from loralab.model.shard import Sharded, Whole, base_bytes
from loralab.run.folder import RunFolder
from loralab.run.view import Run
from loralab.train.job import Job
from loralab.train.ranks.base import Compute
from loralab.train.ranks.channel import Message
from loralab.train.ranks.digest import digest
from loralab.train.ranks.group import Group
from loralab.train.ranks.joint import joint_step
from loralab.train.ranks.passes import Passes
from loralab.train.ranks.state import num_updates, share_state
from loralab.train.session import Session
from loralab.train.smaller import CODE, budget_of, halved_words, in_force, recorded_budgets
from loralab.words import say


class Leader:
    """The processes of a run, as rank 0 has them work. Satisfies `Ranks`."""

    def __init__(self, group: Group) -> None:
        self._group, self._passes = group, Passes(group, self._telling)
        self.world, self.local_world = group.world, group.place.local_world
        self._devices = self.world if self.world == self.local_world else None  # as --devices has it
        self._told: _Told | None = None
        self._joined: _Joined | None = None

    @property
    def facts(self) -> dict[str, Any]:
        """How many processes, how many of them here, and what carries their sums."""
        return {
            "world_size": self.world, "backend": self._group.backend, "local_world_size": self.local_world,
        }  # fmt: skip

    @property
    def sharing(self) -> Passes:
        """How they share a base that is split over them."""
        return self._passes

    def prepare(self, session: Session, job: Job, is_split: bool) -> None:
        """Have the others read data and model of the same resolved config, with as many threads as here."""
        import torch

        self._told = _Told(session, digest(job))
        self._group.log = str(session.folder.log)
        threads = torch.get_num_threads()
        self._group.channel.tell(config=to_yaml(job.config), threads=threads, is_split=is_split)

    def begin(self, tuned: TunedModel, optimizer: Any, engine: Engine) -> None:
        """Wait until all are ready, and give them engine, adapter and optimizer.

        Raises UsageError if one reads other rows than this process, RankLost, and what else `Group.look` raises.
        """
        assert self._told is not None, "begin comes after prepare"
        session, model = self._told.session, tuned.model
        with self._telling():
            ready = self._group.gather("ready")
            _refuse_other_rows(ready, self._told.rows)
            _announce(session, self._group, base_bytes(model, tuned.shard), ready)
            recorded = {rank: recorded_budgets(Run(session.folder), rank) for rank in range(1, self.world)}
            self._joined = _Joined(
                list(trainable(model).values()), engine, budget_of(engine) or 0, recorded, tuned.shard
            )
            self._group.channel.tell(
                engine=describe(engine), updates=num_updates(model, optimizer), budgets=recorded
            )
            share_state(self._group, model, optimizer)

    def step(self, rows: Sequence[TokenRow], step: int, compute: Compute) -> StepLoss:
        """Have all compute their part of a step, sum the parts, and record whose memory ran out on the way."""
        assert self._told is not None and self._joined is not None, "a step comes after begin"
        in_step = functools.partial(self._passes.in_step, self._joined.shard)
        with self._telling():
            self._group.hear_signal()
            self._group.channel.tell(step=step)
            joint = joint_step(
                self._group, self._joined.parameters, self._joined.engine, rows, compute, in_step
            )
        self._joined.tell_halvings(self._told.session, joint.budgets, step)
        return joint.loss

    def end(self, well: bool) -> None:
        """Tell the others that the run is over."""
        self._group.end(well)

    def _telling(self) -> AbstractContextManager[None]:
        assert self._told is not None, "nothing is computed before prepare"
        return telling_how_to_go_on(self._told.session.folder, self._devices)


@dataclasses.dataclass(frozen=True)
class _Told:
    """What the others were told to prepare: whose run it is, and the digest of its rows."""

    session: Session
    rows: str


@dataclasses.dataclass(frozen=True)
class _Joined:
    """What all have once they are ready; `budgets` by rank, and by the step in which they were lowered."""

    parameters: list[Any]
    engine: Engine
    first_budget: int
    budgets: dict[int, dict[int, int]]
    shard: Whole | Sharded

    def tell_halvings(self, session: Session, now: Sequence[int], step: int) -> None:
        """A warning for each other process whose micro-batches have become smaller; rank 0 has told its own."""
        for rank, known in self.budgets.items():
            before = min(self.first_budget, in_force(known, step) or self.first_budget)
            if now[rank] < before:
                known[step] = now[rank]
                halved = halved_words(step, before, now[rank])
                words = say("process {rank}: {message}", rank=rank, message=halved)
                session.warn(
                    CODE, words, step=step, rank=rank, budget_tokens_before=before, budget_tokens=now[rank]
                )


def _refuse_other_rows(ready: Sequence[Message], rows: str) -> None:
    odd = [rank for rank, note in enumerate(ready, 1) if note["rows"] != rows]
    if odd:
        raise UsageError(
            Problem(
                say("processes {names} read other rows, or other tokens of them, than process 0",
                    names=", ".join(map(str, odd))),
                next=say("let all machines see the same data and model files, and the same versions"),
            )
        )  # fmt: skip


def _announce(session: Session, group: Group, held_bytes: int, ready: Sequence[Message]) -> None:
    """Put who takes part into the record, and how many bytes of the base each holds."""
    import torch

    words = say("{n} processes share each step: {backend}, {threads} threads each",
                n=group.world, backend=group.backend, threads=torch.get_num_threads())  # fmt: skip
    others = [{"rank": rank, **note["process"]} for rank, note in enumerate(ready, 1)]
    session.emit("note", code="ranks", base_bytes=held_bytes, others=others, **words.to_dict())


@contextlib.contextmanager
def telling_how_to_go_on(folder: RunFolder, devices: int | None) -> Iterator[None]:
    """Within it, a lost process names the command that carries the run on, on as many devices of this machine."""
    try:
        yield
    except RankLost as error:
        command = (
            say("loralab resume {path} --devices {n}", path=folder.path, n=devices)
            if devices
            else say("loralab resume {path}", path=folder.path)
        )
        raise RankLost(replace(error.problem, next=command), str(folder.log)) from error


def describe(engine: Engine) -> Message:
    """The engine of rank 0, so that others can make the same."""
    options = getattr(engine, "options", None)
    return {"name": engine.name, "options": dataclasses.asdict(options) if options else {}}
