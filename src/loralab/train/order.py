"""Which rows an optimizer step trains on: a pure function of (seed, epoch, step), whatever the machine."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from loralab.config.schema import TrainConfig


@dataclass(frozen=True)
class StepOrder:
    """The course of a run. Steps are counted from 1; the last step of an epoch may be short, none crosses epochs."""

    num_rows: int
    step_rows: int
    total_steps: int
    seed: int
    shuffle: bool

    @property
    def epoch_steps(self) -> int:
        """Steps of one whole epoch."""
        return math.ceil(self.num_rows / self.step_rows)

    def epoch_of(self, step: int) -> int:
        """The epoch that a step belongs to, from 1."""
        return (step - 1) // self.epoch_steps + 1

    def progress(self, step: int) -> float:
        """Epochs done after a step, such as 1.5."""
        whole, within = divmod(step, self.epoch_steps)
        return whole + min(1.0, within * self.step_rows / self.num_rows)

    def ends_epoch(self, step: int) -> bool:
        """Whether an epoch is complete after this step."""
        return step % self.epoch_steps == 0

    def rows_of(self, step: int) -> Sequence[int]:
        """Positions of the training rows of a step."""
        start = (step - 1) % self.epoch_steps * self.step_rows
        return self._epoch_order(self.epoch_of(step))[start : start + self.step_rows]

    def _epoch_order(self, epoch: int) -> Sequence[int]:
        return _shuffled(self.num_rows, self.seed, epoch) if self.shuffle else range(self.num_rows)


@functools.lru_cache(maxsize=2)
def _shuffled(num_rows: int, seed: int, epoch: int) -> list[int]:
    """The order of an epoch, kept, since every step looks at it."""
    generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, epoch])))
    return [int(i) for i in generator.permutation(num_rows)]


def plan_steps(num_rows: int, config: TrainConfig) -> StepOrder:
    """The order of a run over `num_rows` training rows."""
    step_rows = config.batch_rows * config.accumulate
    epoch_steps = math.ceil(num_rows / step_rows)
    if config.max_steps is not None:
        total = config.max_steps
    else:
        assert config.epochs is not None
        total = max(1, math.ceil(config.epochs * epoch_steps - 1e-9))
    return StepOrder(num_rows, step_rows, total, config.seed, config.shuffle)
