"""The seam between a run and the processes that share its steps: one process is all of them, or the first of several."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from loralab.engine.base import Engine, StepLoss, TokenRow
from loralab.model.load import TunedModel
from loralab.model.shard import Sharing
from loralab.train.job import Job
from loralab.train.session import Session

Compute = Callable[[Sequence[TokenRow]], StepLoss]  # loss of some rows; their gradients are in `.grad`


class Ranks(Protocol):
    """The processes of a run, as the one that keeps its record sees them."""

    @property
    def world(self) -> int:
        """How many there are."""

    @property
    def local_world(self) -> int:
        """How many of them are on this machine."""

    @property
    def facts(self) -> dict[str, Any]:
        """What manifest.json says of them."""

    @property
    def sharing(self) -> Sharing | None:
        """How they share a base that is split over them; None where there is but one."""

    def prepare(self, session: Session, job: Job, is_split: bool) -> None:
        """Have the others read the data and the model, whole or their part of it, while this process does."""

    def begin(self, tuned: TunedModel, optimizer: Any, engine: Engine) -> None:
        """Bring the others to where this process is: its engine, adapter and optimizer."""

    def step(self, rows: Sequence[TokenRow], step: int, compute: Compute) -> StepLoss:
        """The loss of all rows of a step; its gradients are left in the adapter's `.grad`."""


@dataclass(frozen=True)
class Alone:
    """One process, which computes every row: no process group, no other path through the loop."""

    world: int = 1
    local_world: int = 1

    @property
    def facts(self) -> dict[str, Any]:
        """One process has no backend."""
        return {"world_size": 1, "backend": None}

    @property
    def sharing(self) -> None:
        """There is nobody to share with."""

    def prepare(self, session: Session, job: Job, is_split: bool) -> None:
        """There is nobody to prepare."""

    def begin(self, tuned: TunedModel, optimizer: Any, engine: Engine) -> None:
        """There is nobody to bring along."""

    def step(self, rows: Sequence[TokenRow], step: int, compute: Compute) -> StepLoss:
        """What the engine computes."""
        return compute(rows)
