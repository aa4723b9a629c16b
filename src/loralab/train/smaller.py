"""An engine that ran out of memory in, the same with smaller micro-batches out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from loralab.engine.base import Engine, StepLoss, TokenRow
from loralab.model.memory import is_out_of_memory
from loralab.run.view import Run
from loralab.words import Words, say

CODE = "micro_batches_halved"
LEAST_TOKENS = 256  # below, a micro-batch is a row or two as a rule, and there is little left to halve


def compute(
    engine: Engine,
    rows: Sequence[TokenRow],
    step: int,
    drop: Callable[[], None],
    tell: Callable[[int, int], None],
) -> StepLoss:
    """The loss and gradients of a step; where memory runs out, again with half the tokens in a micro-batch.

    `drop` lets go of gradients before each attempt, `tell(before, after)` is called for each halving. The out-of-memory
    error is raised as it came where the engine has no such setting, or is at its least.
    """
    while True:
        drop()
        try:
            return engine.loss_and_gradients(rows, step)
        except (MemoryError, RuntimeError) as error:
            before = budget_of(engine)
            if not is_out_of_memory(error) or before is None or before <= LEAST_TOKENS:
                raise
        # only here, with the error gone, is what the failed attempt held free
        set_budget(engine, max(LEAST_TOKENS, before // 2))
        _release()
        tell(before, max(LEAST_TOKENS, before // 2))


def budget_of(engine: Any) -> int | None:
    """Tokens of a micro-batch; None for an engine that does not arrange rows by tokens."""
    return int(engine.options.budget_tokens) if engine.name == "fast" else None


def set_budget(engine: Any, tokens: int) -> None:
    """Have a fast engine make smaller micro-batches from now on; its result differs by rounding alone."""
    engine.options = replace(engine.options, budget_tokens=tokens)


def _release() -> None:
    """Give blocks that torch keeps for tensors of other sizes back to the device."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def halved_words(step: int, before: int, after: int) -> Words:
    """What is said of a halving."""
    return say(
        "memory ran out in step {step}: micro-batches have up to {after} tokens from here on instead of {before};"
        " losses differ by rounding alone, a step takes longer",
        step=step, before=before, after=after,
    )  # fmt: skip


def recorded_budgets(run: Run, rank: int = 0) -> dict[int, int]:
    """From which step on a process of a run that goes on had how many tokens in a micro-batch, to do the same again."""
    events = [e for e in run.record.of_kind("warning") if e.get("code") == CODE and e.get("rank", 0) == rank]
    return {int(e["step"]): int(e["budget_tokens"]) for e in events}


def in_force(budgets: dict[int, int], step: int) -> int | None:
    """The tokens of a micro-batch in a step, by the steps in which they were lowered; None if they were not."""
    earlier = [s for s in budgets if s <= step]
    return budgets[max(earlier)] if earlier else None


def take_up(engine: Engine, budgets: dict[int, int], step: int) -> None:
    """Set what was in force in a step, if the record says something about it."""
    tokens, now = in_force(budgets, step), budget_of(engine)
    if tokens is not None and now is not None and tokens < now:
        set_budget(engine, tokens)
