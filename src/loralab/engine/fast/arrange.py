"""The rows of a step in, micro-batches without padding out.

A row is taken up to the token that predicts its last label: what follows has no influence on its loss.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from loralab.engine.base import TokenRow


@dataclass(frozen=True)
class MicroBatch:
    """Documents laid end to end, T tokens with N label tokens.

    `rows` are places in the step, one for each document; `lengths` sum to T. `predictors` (N,) are the places
    among the T tokens whose next token is a label, `targets` (N,) those labels, `owners` (N,) their documents.
    """

    rows: tuple[int, ...]
    lengths: tuple[int, ...]
    ids: Any
    positions: Any
    predictors: Any
    targets: Any
    owners: Any


def used_tokens(row: TokenRow) -> int:
    """How many of a row's tokens its loss depends on as inputs; 0 if it has no label."""
    labels = [i for i, trained in enumerate(row.encoded.trained) if trained and i]
    return labels[-1] if labels else 0


def arrange(lengths: Sequence[int], budget_tokens: int) -> list[list[int]]:
    """Places of rows, in the given order, in groups of at most `budget_tokens`; a longer row goes alone.

    Rows of length 0 are in no group.
    """
    groups: list[list[int]] = []
    filled = 0
    for place, length in enumerate(lengths):
        if not length:
            continue
        if not groups or filled + length > budget_tokens:
            groups.append([])
            filled = 0
        groups[-1].append(place)
        filled += length
    return groups


def lay_out(rows: Sequence[TokenRow], places: Sequence[int], device: str) -> MicroBatch:
    """The rows at `places` as one line of tokens; positions start again at 0 for each document."""
    import torch

    lengths: list[int] = []
    columns: tuple[list[int], ...] = ([], [], [], [], [])
    ids, positions, predictors, targets, owners = columns
    for owner, place in enumerate(places):
        encoded, length, start = rows[place].encoded, used_tokens(rows[place]), len(ids)
        labels = [i for i in range(1, length + 1) if encoded.trained[i]]
        ids += encoded.ids[:length]
        positions += range(length)
        predictors += [start + i - 1 for i in labels]
        targets += [encoded.ids[i] for i in labels]
        owners += [owner] * len(labels)
        lengths.append(length)
    tensors = (torch.tensor(x, device=device) for x in columns)
    return MicroBatch(tuple(places), tuple(lengths), *tensors)
