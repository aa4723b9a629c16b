"""Gradients of a step in, the adapter one step of AdamW further out: the same on every process of a run."""

from __future__ import annotations

import math
from typing import Any

from loralab.config.schema import TrainConfig
from loralab.engine.base import StepLoss
from loralab.model.adapter import trainable


def make_optimizer(model: Any, train: TrainConfig) -> Any:
    """AdamW over the adapter."""
    import torch

    return torch.optim.AdamW(
        list(trainable(model).values()), lr=train.learning_rate, betas=(0.9, 0.999), eps=1e-8,
        weight_decay=train.weight_decay, foreach=False,
    )  # fmt: skip


def gradient_norm(model: Any) -> float:
    """The norm of all gradients together."""
    import torch

    return float(torch.nn.utils.get_total_norm(_gradients(model)))


def is_sound(result: StepLoss, norm: float) -> bool:
    """Whether a step may be applied: its loss and gradient are finite, and the gradient is not exactly zero."""
    return math.isfinite(result.loss) and math.isfinite(norm) and norm > 0


def update(model: Any, optimizer: Any, norm: float, rate: float, max_grad_norm: float) -> None:
    """Clip the gradients, whose norm is known, and make the step at a learning rate."""
    import torch

    if max_grad_norm and norm > max_grad_norm:
        torch._foreach_mul_(_gradients(model), max_grad_norm / norm)
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.step()


def _gradients(model: Any) -> list[Any]:
    return [p.grad for p in trainable(model).values() if p.grad is not None]
