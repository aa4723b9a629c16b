"""A step in, what is evaluated after it out."""

from __future__ import annotations

from loralab.config.schema import EvaluateConfig
from loralab.train.order import StepOrder

LOSS_ALONE = "held_out"  # beside the names of stages


def due_after(step: int, order: StepOrder, evaluate: EvaluateConfig) -> str | None:
    """The stage that follows a step, `LOSS_ALONE` for held-out loss outside of a stage, or None.

    A stage measures held-out loss itself. The last step is measured too, so that it can be chosen.
    """
    if step == 0:
        return "before" if "before" in evaluate.stages else None
    if order.ends_epoch(step) and "epoch" in evaluate.stages:
        return f"epoch-{order.epoch_of(step)}"
    every = evaluate.heldout_every_steps
    on_the_way = every is not None and step % every == 0
    at_the_end = step == order.total_steps and (bool(evaluate.stages) or every is not None)
    return LOSS_ALONE if on_the_way or at_the_end else None
