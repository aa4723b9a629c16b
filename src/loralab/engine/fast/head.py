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
        loss, dlogits = _chunk(head.forward(states), labels)
        losses.append(loss)
        if gradient_scale is not None:
            dlogits.scatter_add_(1, labels[:, None], torch.full_like(dlogits[:, :1], -1.0))
            gradients.append(head.input_gradient(dlogits.mul_(gradient_scale).to(hidden.dtype)))
    return torch.cat(losses), torch.cat(gradients) if gradients else None


def _chunk(logits: Any, labels: Any) -> tuple[Any, Any]:
    """Losses (n,) and softmax (n, vocabulary), in float32 or wider; the logits are overwritten."""
    import torch

    wide = logits.to(torch.promote_types(logits.dtype, torch.float32))
    top = wide.amax(1, keepdim=True)
    chosen = wide.gather(1, labels[:, None])
    total = wide.sub_(top).exp_().sum(1, keepdim=True)
    return (total.log() + (top - chosen))[:, 0], wide.div_(total)
