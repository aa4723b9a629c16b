"""Final hidden states of label positions in, the loss of each label and the gradient of the states out.

A chunk of rows at a time goes through the vocabulary, and its gradient is made on the spot: nothing of size
labels x vocabulary is ever kept.
"""

from __future__ import annotations

from typing import Any

from loralab.engine.fast.frozen import Frozen


def label_losses(
    head: Frozen, hidden: Any, targets: Any, chunk_rows: int, gradient_scale: float | None
) -> tuple[Any, Any]:
    """Losses (N,), natural log, of `targets` (N,) after `hidden` (N, width), and the gradient of `hidden`.

    The gradient is that of the summed loss times `gradient_scale`; None without one.
    """
    import torch

    losses, gradients = [], []
    for states, labels in zip(hidden.split(chunk_rows), targets.split(chunk_rows), strict=True):
        loss, gradient = _chunk(head, states, labels, gradient_scale)
        losses.append(loss)
        gradients.append(gradient)
    return torch.cat(losses), None if gradient_scale is None else torch.cat(gradients)


def _chunk(head: Frozen, states: Any, labels: Any, gradient_scale: float | None) -> tuple[Any, Any]:
    """Losses (n,), in float32 or wider, and the gradient of `states` (n, width).

    By torch's own log_softmax, as in its cross_entropy: on a CPU that adds a vocabulary of 150,000 words up about 1e-5
    too low, and the plain engine and every other trainer that uses it has just these losses.
    """
    import torch

    logits = head.forward(states)
    logs = torch.log_softmax(logits.to(torch.promote_types(logits.dtype, torch.float32)), 1)
    del logits
    losses = -logs.gather(1, labels[:, None])[:, 0]
    if gradient_scale is None:
        return losses, None
    dlogits = logs.exp_().scatter_add_(1, labels[:, None], torch.full_like(logs[:, :1], -1.0))
    return losses, head.input_gradient(dlogits.mul_(gradient_scale).to(states.dtype))
