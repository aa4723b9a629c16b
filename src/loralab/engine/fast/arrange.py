"""The rows of a step in, micro-batches without padding out.

A row is taken up to the token that predicts its last label: what follows has no influence on its loss. What all
documents of a micro-batch begin with, a system prompt say, can be laid down once for all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from loralab.engine.base import TokenRow

# The share of a micro-batch's tokens that a shared beginning has to save: below it, attending to it apart costs more.
LEAST_SAVED = 1 / 64


@dataclass(frozen=True)
class Documents:
    """How T tokens lie: the `shared` ones that every document begins with, then what each has of its own (`lengths`)."""

    lengths: tuple[int, ...]
    shared: int = 0

    @property
    def parts(self) -> tuple[int, ...]:
        """Lengths of the pieces that lie end to end; they sum to T."""
        return (self.shared, *self.lengths) if self.shared else self.lengths


@dataclass(frozen=True)
class MicroBatch:
    """Documents laid end to end, T tokens with N label tokens.

    `rows` are places in the step, one for each document. `predictors` (N,) are the places among the T tokens whose
    next token is a label, `targets` (N,) those labels, `owners` (N,) their documents.
    """

    rows: tuple[int, ...]
    documents: Documents
    ids: Any
    positions: Any
    predictors: Any
    targets: Any
    owners: Any


def used_tokens(row: TokenRow) -> int:
    """How many of a row's tokens its loss depends on as inputs; 0 if it has no label."""
    labels = [i for i, trained in enumerate(row.encoded.trained) if trained and i]
    return labels[-1] if labels else 0


def in_order(lengths: Sequence[int], budget_tokens: int) -> list[list[int]]:
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


def fullest(lengths: Sequence[int], budget_tokens: int) -> list[list[int]]:
    """Places of rows in few groups of at most `budget_tokens`; a longer row goes alone.

    Fewer groups are fewer and larger products. The longest row first, each into the first group that has room for it
    (first-fit decreasing: at most 11/9 of the fewest possible groups and one more). Rows of length 0 are in no group.
    """
    groups: list[list[int]] = []
    free: list[int] = []
    for place in sorted((i for i, length in enumerate(lengths) if length), key=lambda i: -lengths[i]):
        found = next((i for i, room in enumerate(free) if lengths[place] <= room), None)
        if found is None:
            groups.append([place])
            free.append(budget_tokens - lengths[place])
        else:
            groups[found].append(place)
            free[found] -= lengths[place]
    return groups


def lay_out(rows: Sequence[TokenRow], places: Sequence[int], device: str, share: bool) -> MicroBatch:
    """The rows at `places` as one line of tokens; positions start again for each document.

    With `share`, what all of them begin with is laid down once, where that saves enough.
    """
    import torch

    shared = _worth_sharing([rows[place] for place in places]) if share else 0
    lengths: list[int] = []
    columns: tuple[list[int], ...] = ([], [], [], [], [])
    ids, positions, predictors, targets, owners = columns
    if shared:
        ids += rows[places[0]].encoded.ids[:shared]
        positions += range(shared)
    for owner, place in enumerate(places):
        encoded, length, start = rows[place].encoded, used_tokens(rows[place]), len(ids) - shared
        labels = [i for i in range(1, length + 1) if encoded.trained[i]]
        ids += encoded.ids[shared:length]
        positions += range(shared, length)
        predictors += [start + i - 1 for i in labels]
        targets += [encoded.ids[i] for i in labels]
        owners += [owner] * len(labels)
        lengths.append(length - shared)
    tensors = (torch.tensor(x, device=device) for x in columns)
    return MicroBatch(tuple(places), Documents(tuple(lengths), shared), *tensors)


def shared_start(many: Sequence[Sequence[int]]) -> int:
    """How many first tokens all of them have in common."""
    columns = zip(*many, strict=False)
    return sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, columns))


def _worth_sharing(rows: Sequence[TokenRow]) -> int:
    """The tokens that all rows begin with and that predict no label; 0 where they are too few."""
    if len(rows) < 2:
        return 0
    unlabelled = min(row.encoded.trained.index(True, 1) for row in rows) - 1
    shared = min(shared_start([row.encoded.ids for row in rows]), unlabelled)
    saved = shared * (len(rows) - 1)
    return shared if saved >= LEAST_SAVED * sum(used_tokens(row) for row in rows) else 0
