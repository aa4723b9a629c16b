"""A job in, two steps with an engine of loralab out, as its training loop does them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from loralab.config import Config
from loralab.engine.base import Engine, TokenRow, budget_tokens
from loralab.engine.fast.engine import FastEngine, FastOptions
from loralab.engine.fast.support import unsupported
from loralab.engine.plain import PlainEngine
from loralab.errors import Problem, UsageError
from loralab.model.adapter import trainable
from loralab.model.load import TunedModel, load_tuned
from loralab.train.schedule import learning_rate
from side_by_side.clock import stamp, step_record
from side_by_side.job import STEPS, Job


def _plain(tuned: TunedModel, job: Job) -> tuple[Engine, dict[str, Any]]:
    return PlainEngine(tuned, job.config(), pad_id=0), {}


def _fast(tuned: TunedModel, job: Job) -> tuple[Engine, dict[str, Any]]:
    """Raises UsageError for a model that it does not know."""
    if reason := unsupported(tuned.model, job.config()):
        raise UsageError(Problem(reason))
    settings = job.settings
    given: dict[str, Any] = {"packing": settings.packing, "budget_tokens": settings.budget_tokens}
    given = {name: value for name, value in given.items() if value is not None}
    engine = FastEngine(
        tuned, job.config(), options=replace(FastOptions(budget_tokens(job.config(), "cpu")), **given)
    )
    facts = {
        "budget_tokens": engine.options.budget_tokens,
        "packing": engine.packing,
        "malloc": engine.malloc,
    }
    return engine, facts


ENGINES: dict[str, Callable[[TunedModel, Job], tuple[Engine, dict[str, Any]]]] = {
    "plain": _plain, "fast": _fast,
}  # fmt: skip


def measure_own(job: Job, name: str) -> dict[str, Any]:
    """The record of the second step."""
    import torch

    config = job.config()
    tuned = load_tuned(Path(job.settings.model), config, "cpu")
    engine, facts = ENGINES[name](tuned, job)
    optimizer = torch.optim.AdamW(
        list(trainable(tuned.model).values()), betas=(0.9, 0.999), eps=1e-8,
        weight_decay=config.train.weight_decay, foreach=False,
    )  # fmt: skip
    stamps, losses = [stamp()], []
    for step in range(1, STEPS + 1):
        losses.append(_train_step(engine, tuned, optimizer, config, job.step_rows(step), step))
        stamps.append(stamp())
    padded = None if name == "fast" else padded_tokens(job.step_rows(STEPS), job.settings.batch_rows)
    return step_record(stamps[-2], stamps[-1], losses, padded) | facts


def _train_step(
    engine: Engine, tuned: TunedModel, optimizer: Any, config: Config, rows: Sequence[TokenRow], step: int
) -> float:
    import torch

    optimizer.zero_grad(set_to_none=True)
    loss = engine.loss_and_gradients(rows, step).loss
    gradients = [p.grad for p in trainable(tuned.model).values() if p.grad is not None]
    norm = float(torch.nn.utils.get_total_norm(gradients))
    if norm > config.train.max_grad_norm > 0:
        torch._foreach_mul_(gradients, config.train.max_grad_norm / norm)
    for group in optimizer.param_groups:
        group["lr"] = learning_rate(step, STEPS, config.train)
    optimizer.step()
    return loss


def padded_tokens(rows: Sequence[TokenRow], batch_rows: int) -> int:
    """Tokens of micro-batches that are padded to their longest row."""
    lengths = [len(row.encoded.ids) for row in rows]
    batches = [lengths[i : i + batch_rows] for i in range(0, len(lengths), batch_rows)]
    return sum(max(batch) * len(batch) for batch in batches)
