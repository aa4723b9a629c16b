"""A module's name in, the dropout mask of the micro-batch's tokens out: the masks of the plain engine, end to end."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from loralab.engine.dropout import dropout_mask, keep_scale


@dataclass(frozen=True)
class Masks:
    """What the masks of a micro-batch depend on. Nothing is kept: the backward pass asks again.

    `rows` are id and length of each document; `chosen` (N,) are the only tokens wanted, if not all are.
    """

    seed: int
    step: int
    dropout: float
    rows: tuple[tuple[str, int], ...]
    device: str
    chosen: Any = None

    @property
    def scale(self) -> float:
        """What kept elements are multiplied with."""
        return keep_scale(self.dropout)

    def of(self, module: str, width: int) -> Any:
        """Which elements of a module's input stay, bool (T, width) or (N, width)."""
        import numpy as np
        import torch

        parts = [
            dropout_mask(self.seed, self.step, row, module, length, width, self.dropout)
            for row, length in self.rows
        ]
        mask = torch.from_numpy(np.concatenate(parts)).to(self.device)
        return mask if self.chosen is None else mask[self.chosen]


def only(masks: Masks | None, chosen: Any) -> Masks | None:
    """The masks of the tokens `chosen` alone; of all if it is None."""
    return masks if masks is None or chosen is None else replace(masks, chosen=chosen)


def drop(x: Any, mask: Any) -> Any:
    """x where the mask is true, else 0; unlike a product it needs no copy of the mask as numbers."""
    import torch

    return torch.where(mask, x, 0.0)
