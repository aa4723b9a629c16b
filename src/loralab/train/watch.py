"""The losses of a run and its adapter in, step by step; a warning out when they go where no training goes."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from loralab.words import Words, say

# A loss that doubles and stays there is no noise: even with steps of one row, of which one in three may lie above twice
# the lowest median, twenty in a row come once in a billion steps; with sixteen rows a step varies by a tenth or two.
# A single odd batch is no divergence. What is known by heart doubles by next to nothing: 0.1 is the least median.
FACTOR, IN_A_ROW, WINDOW, LEAST_WINDOW, LEAST_MEDIAN = 2.0, 20, 20, 10, 0.1

# AdamW moves an element by about the learning rate in each of its first steps. After ten steps at 1e-4 that is 1e-3;
# an element of B that moved by less than 1e-7 changes a layer's output by less than float32 tells apart.
STEPS_TO_MOVE, LEAST_MOVE = 10, 1e-7
SAMPLED = 1024  # elements of each B that are looked at


@dataclass
class LossWatch:
    """Whether the loss has left its lowest running median behind for good.

    The median is over the `WINDOW` steps (at least `LEAST_WINDOW`) before the last `IN_A_ROW`.
    """

    latest: deque[float] = field(default_factory=lambda: deque(maxlen=IN_A_ROW))
    earlier: deque[float] = field(default_factory=lambda: deque(maxlen=WINDOW))
    lowest: float = math.inf

    def add(self, loss: float) -> bool:
        """Take a step's loss; True if the last ones all lie above `FACTOR` times the lowest running median."""
        if len(self.latest) == IN_A_ROW:
            self.earlier.append(self.latest[0])
            if len(self.earlier) >= LEAST_WINDOW:
                self.lowest = min(self.lowest, median(self.earlier))
        self.latest.append(loss)
        return len(self.latest) == IN_A_ROW and min(self.latest) > FACTOR * max(self.lowest, LEAST_MEDIAN)

    def words(self, step: int) -> Words:
        """What is said when it has."""
        return say(
            "the loss of the last {n} steps, {latest:.3f} at step {step}, lies above {factor:g} times what it was at its"
            " lowest ({lowest:.3f}, a median over {window} steps): training diverges; lower train.learning_rate",
            n=IN_A_ROW, latest=self.latest[-1], step=step, factor=FACTOR, lowest=self.lowest, window=len(self.earlier),
        )  # fmt: skip


def watch_of(losses: Iterable[float]) -> LossWatch:
    """The watch of a run that goes on after these losses."""
    watch = LossWatch()
    for loss in losses:
        watch.add(loss)
    return watch


def sample(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Some elements of each B of an adapter, as they are now."""
    return {
        name: p.detach().flatten()[:SAMPLED].float().cpu().clone()
        for name, p in parameters.items()
        if "lora_B" in name
    }


def moved(start: Mapping[str, Any], now: Mapping[str, Any]) -> float:
    """How far the elements of B have come since the start: the root of their mean square."""
    squares = sum(float(((now[name] - start[name]).double() ** 2).sum()) for name in start)
    return math.sqrt(squares / max(1, sum(len(part) for part in start.values())))


def step_to_look(warmup_steps: int, total_steps: int) -> int:
    """When the adapter must have moved: ten steps after the warm-up, or at the end of a shorter run."""
    return min(warmup_steps + STEPS_TO_MOVE, total_steps)


def unmoved_words(step: int, distance: float) -> Words | None:
    """What is said of an adapter that has come no further than that; None if all is well."""
    if distance > LEAST_MOVE:
        return None
    return say(
        "after step {step} the adapter is where it began (B has moved by {distance:.1g}): nothing is learned;"
        " raise train.learning_rate, or look at train.warmup_steps",
        step=step, distance=distance,
    )  # fmt: skip
