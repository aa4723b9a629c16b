"""A planned job in, what its training and its answers will take in seconds out, by a few real steps. Nothing is written."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from loralab.engine.base import Engine, TokenRow
from loralab.engine.generate import LocalGenerator
from loralab.engine.plain import PlainEngine
from loralab.model.adapter import trainable
from loralab.model.load import TunedModel, load_tuned, pick_device
from loralab.train.job import Job
from loralab.train.memory import naming_the_knobs

MEASURED_STEPS = 2  # after one that warms up
NEW_TOKENS = 8  # decoded to learn the pace of answers


@dataclass(frozen=True)
class Forecast:
    """`train_seconds` are those of all steps; `answer_seconds` at most, as if every answer were of full length.

    Held-out losses, checkpoints and loading are not part of it.
    """

    engine: str
    device: str
    steps: int
    train_tokens: int
    tokens_per_second: float
    train_seconds: float
    answers: int
    answer_tokens_per_second: float | None
    answer_seconds: float | None


def forecast(job: Job) -> Forecast:
    """Load the model, take three steps of the run and decode a few tokens.

    Raises ResourceError when memory does not suffice, and what loading raises.
    """
    tuned = load_tuned(job.located.folder, job.config, pick_device())
    engine = _engine(tuned, job)
    with naming_the_knobs("--calibrate"):
        pace = _pace(engine, tuned, job)
        decoding = _decoding_pace(tuned, job)
    order, tokens = job.order, _tokens(job)
    answers = _answers(job)
    at_most = None
    if decoding:
        at_most = answers * job.config.evaluate.max_new_tokens / decoding
    return Forecast(
        engine.name, tuned.device, order.total_steps, tokens, pace, tokens / pace, answers, decoding, at_most
    )


def _engine(tuned: TunedModel, job: Job) -> Engine:
    """The engine that the run would have, if its check agrees."""
    if job.config.train.engine != "plain" and job.config.model.device_map is None:
        from loralab.engine.fast.engine import FastEngine
        from loralab.engine.fast.support import unsupported

        if unsupported(tuned.model, job.config) is None:
            return FastEngine(tuned, job.config)
    return PlainEngine(tuned, job.config, job.pad_id)


def _pace(engine: Engine, tuned: TunedModel, job: Job) -> float:
    """Tokens in a second of training, the update included."""
    import torch

    rows = job.prepared.token_rows(job.prepared.epoch)
    last = job.order.total_steps
    optimizer = torch.optim.AdamW(list(trainable(tuned.model).values()), lr=0.0, foreach=False)
    tokens, seconds = 0, 0.0
    for step in range(1, MEASURED_STEPS + 2):
        chosen = [rows[i] for i in job.order.rows_of(min(step, last))]
        began = time.monotonic()
        _step(engine, optimizer, chosen, step, tuned.device)
        if step > 1:
            tokens += sum(len(row.encoded.ids) for row in chosen)
            seconds += time.monotonic() - began
    return tokens / max(seconds, 1e-9)


def _step(engine: Engine, optimizer: Any, rows: Sequence[TokenRow], step: int, device: str) -> None:
    """One step of the run, at a learning rate of 0."""
    import torch

    optimizer.zero_grad(set_to_none=True)
    engine.loss_and_gradients(rows, step)
    optimizer.step()
    if device == "cuda":
        torch.cuda.synchronize()


def _decoding_pace(tuned: TunedModel, job: Job) -> float | None:
    """Tokens of answers in a second, over one batch of training questions; None if none are asked."""
    if not _answers(job):
        return None
    rows = job.prepared.token_rows(job.prepared.epoch)
    batch_rows = min(job.config.evaluate.batch_rows, len(rows))
    prompts = [_prompt(rows[i]) for i in range(batch_rows)]
    generator = LocalGenerator(tuned.model, tuned.device, job.pad_id, batch_rows)
    began = time.monotonic()
    list(generator.generate(prompts, NEW_TOKENS, (), lambda: None))
    return batch_rows * NEW_TOKENS / max(time.monotonic() - began, 1e-9)


def _prompt(row: TokenRow) -> Sequence[int]:
    return row.encoded.ids[: max(1, row.encoded.trained.index(True))]


def _tokens(job: Job) -> int:
    """Tokens of all steps of the run."""
    lengths = job.prepared.encoded.token_counts(job.prepared.epoch)
    assert lengths is not None
    order = job.order
    return round(int(lengths.lengths.sum()) * order.progress(order.total_steps))


def _answers(job: Job) -> int:
    """Answers at all stages, at most: `after` copies those of an epoch's end, unless the run ends within an epoch."""
    stages, order = job.config.evaluate.stages, job.order
    ends = order.total_steps // order.epoch_steps if "epoch" in stages else 0
    copied = ends > 0 and order.ends_epoch(order.total_steps)
    times = ("before" in stages) + ends + ("after" in stages and not copied)
    return times * (len(job.prepared.questions) + len(job.general))
