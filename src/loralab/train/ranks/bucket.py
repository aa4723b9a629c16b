"""What one process computed in, a flat vector out that is summed over all processes, and the sums back in their places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

CHECKSUMS = 1 << 24  # whole numbers below are exact in float32


@dataclass(frozen=True)
class Part:
    """The rows that one process computed: their places in the step, their losses, and what its gradients count for.

    `weight` is the label tokens of these rows / those of the step. `budget_tokens` is 0 for an engine without one.
    """

    places: Sequence[int]
    row_losses: Sequence[float]
    weight: float
    budget_tokens: int


@dataclass(frozen=True)
class Sums:
    """What is known once all parts are summed: each row's loss, and of each process checksum and budget."""

    row_losses: tuple[float, ...]
    checksums: tuple[int, ...]
    budgets: tuple[int, ...]


@dataclass(frozen=True)
class Bucket:
    """One float32 vector: all gradients, then a number for each row, then two for each process.

    A process fills the places of its own rows and of its rank, and leaves zeros elsewhere.
    """

    parameters: Sequence[Any]
    num_rows: int
    world: int

    def pack(self, part: Part, rank: int) -> Any:
        """The vector of a process; its gradients are let go of, so that they are not held twice."""
        import torch

        device = self.parameters[0].device
        total = sum(p.numel() for p in self.parameters) + self.num_rows + 2 * self.world
        flat = torch.zeros(total, dtype=torch.float32, device=device)
        at = 0
        for parameter in self.parameters:
            if parameter.grad is not None and part.places:
                torch.mul(parameter.grad.flatten(), part.weight, out=flat[at : at + parameter.numel()])
            parameter.grad = None
            at += parameter.numel()
        tail = torch.zeros(total - at)
        for place, loss in zip(part.places, part.row_losses, strict=True):
            tail[place] = loss
        tail[self.num_rows + 2 * rank] = checksum(self.parameters)
        tail[self.num_rows + 2 * rank + 1] = part.budget_tokens
        flat[at:] = tail.to(device)
        return flat

    def unpack(self, flat: Any) -> Sums:
        """Put the summed gradients into `.grad`, as views of the vector, and read the rest."""
        at = 0
        for parameter in self.parameters:
            parameter.grad = flat[at : at + parameter.numel()].view_as(parameter)
            at += parameter.numel()
        tail = flat[at:].tolist()
        ranks = tail[self.num_rows :]
        return Sums(tuple(tail[: self.num_rows]), tuple(map(int, ranks[::2])), tuple(map(int, ranks[1::2])))


def checksum(parameters: Sequence[Any]) -> int:
    """A number that differs when any bit of the parameters does (but for one chance in millions)."""
    import torch

    total = 0
    for number, parameter in enumerate(parameters, 1):
        total += number * int(parameter.detach().view(torch.int32).sum(dtype=torch.int64))
    return total % CHECKSUMS
