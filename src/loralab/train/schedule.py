"""A step in, its learning rate out."""

from __future__ import annotations

import math

from loralab.config.schema import TrainConfig


def learning_rate(step: int, total_steps: int, config: TrainConfig) -> float:
    """The rate applied in `step` (from 1): warm-up from 0, then linear or cosine to 0, or constant.

    The same values as transformers' get_linear_/cosine_schedule_with_warmup at step - 1.
    """
    done = step - 1
    if done < config.warmup_steps:
        return config.learning_rate * done / config.warmup_steps
    if config.schedule == "constant":
        return config.learning_rate
    left = max(1, total_steps - config.warmup_steps)
    progress = min(1.0, (done - config.warmup_steps) / left)
    factor = 1 - progress if config.schedule == "linear" else 0.5 * (1 + math.cos(math.pi * progress))
    return config.learning_rate * factor
