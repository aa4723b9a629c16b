"""The rows of a step in, their loss and summed gradients out on every process, each of which computes a part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from loralab.engine.base import Engine, StepLoss, TokenRow
from loralab.errors import Problem, RunFailed
from loralab.train.ranks.base import Compute
from loralab.train.ranks.bucket import Bucket, Part
from loralab.train.ranks.deal import deal
from loralab.train.smaller import budget_of
from loralab.words import say

Work = Callable[[], Part]


class Summing(Protocol):
    """What a joint step needs of a group."""

    rank: int
    world: int

    def all_reduce(self, flat: Any) -> None:
        """Sum a vector over all processes, in place."""


@dataclass(frozen=True)
class Joint:
    """The loss of a step, and with how many tokens a micro-batch each process went on after it."""

    loss: StepLoss
    budgets: tuple[int, ...]


def joint_step(
    group: Summing,
    parameters: Sequence[Any],
    engine: Engine,
    rows: Sequence[TokenRow],
    compute: Compute,
    in_step: Callable[[Work], Part],
) -> Joint:
    """Compute this process's part of a step's rows, and sum with the parts of the others.

    Every process must call it with the same rows; one that is dealt none adds zeros. `in_step` does the work with what
    a split base needs of the others. Raises RunFailed if the adapters of the processes differ: the step would be of no
    one adapter.
    """
    lengths = [len(row.encoded.ids) for row in rows]
    label_tokens = sum(map(_labels, rows))
    places = deal(lengths, group.world)[group.rank]
    part = in_step(lambda: _part([rows[i] for i in places], places, label_tokens, engine, compute))
    bucket = Bucket(parameters, len(rows), group.world)
    flat = bucket.pack(part, group.rank)
    group.all_reduce(flat)
    sums = bucket.unpack(flat)
    _refuse_different(sums.checksums)
    loss = sum(sums.row_losses) / label_tokens
    return Joint(StepLoss(loss, sums.row_losses, label_tokens, sum(lengths)), sums.budgets)


def _part(
    mine: Sequence[TokenRow], places: Sequence[int], label_tokens: int, engine: Engine, compute: Compute
) -> Part:
    if not mine:
        return Part((), (), 0.0, budget_of(engine) or 0)
    found = compute(mine)
    return Part(places, found.row_losses, found.label_tokens / label_tokens, budget_of(engine) or 0)


def _labels(row: TokenRow) -> int:
    return sum(row.encoded.trained[1:])


def _refuse_different(checksums: Sequence[int]) -> None:
    odd = [rank for rank, found in enumerate(checksums) if found != checksums[0]]
    if odd:
        raise RunFailed(
            Problem(
                say("the adapters of processes {names} are not that of process 0: the machines compute differently",
                    names=", ".join(map(str, odd))),
                next=say("use machines of one kind, with the same versions of torch"),
            )
        )  # fmt: skip
