"""The adapter and optimizer of rank 0 in, the same on every process out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from loralab.model.adapter import trainable
from loralab.train.ranks.group import Group

MOMENTS = ("exp_avg", "exp_avg_sq")


def num_updates(model: Any, optimizer: Any) -> float:
    """How many updates AdamW has made; 0 for one that has no moments yet."""
    steps = [optimizer.state[p]["step"] for p in trainable(model).values() if "step" in optimizer.state[p]]
    return float(steps[0]) if steps else 0.0


def make_room(model: Any, optimizer: Any, updates: float) -> None:
    """Give an optimizer the moments that another has, all zero, if that has any."""
    import torch

    optimizer.state.clear()
    for parameter in trainable(model).values():
        if updates:
            moments = {name: torch.zeros_like(parameter) for name in MOMENTS}
            optimizer.state[parameter].update(step=torch.tensor(updates), **moments)


def share_state(group: Group, model: Any, optimizer: Any) -> None:
    """Bring every process to the adapter and the moments of rank 0; all must have called `make_room` alike."""
    import torch

    with torch.no_grad():
        for tensor in _tensors(model, optimizer):
            group.broadcast(tensor)


def _tensors(model: Any, optimizer: Any) -> Iterator[Any]:
    for parameter in trainable(model).values():
        yield parameter.detach()
        yield from (
            optimizer.state[parameter][name] for name in MOMENTS if name in optimizer.state[parameter]
        )
