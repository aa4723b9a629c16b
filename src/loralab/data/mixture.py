"""Training rows of several sources in, the rows of an epoch out: each source as often, or as much, as it says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from loralab.config.schema import DataSource
from loralab.data.rows import Index, Rows


def mix(train: Rows, sources: Sequence[DataSource]) -> Rows:
    """The training rows of one epoch.

    A weight of 2.5 takes each row twice and half of the rows a third time; a number of rows takes that many,
    or all if there are fewer. Which ones is decided by the seeded rank of their questions: it does not change
    when rows are appended elsewhere.
    """
    if all(source.weight == 1 and source.rows is None for source in sources):
        return train
    column = train.column("source")
    parts = [_part(train.where(column == number), source) for number, source in enumerate(sources)]
    return train.take(np.concatenate(parts))


def _part(rows: Rows, source: DataSource) -> Index:
    if source.rows is not None:
        return _some(rows, source.rows)
    whole = int(source.weight)
    rest = _some(rows, round((source.weight - whole) * len(rows)))
    return np.concatenate([*[rows.index] * whole, rest])


def _some(rows: Rows, count: int) -> Index:
    """`count` rows in their own order, those whose questions rank highest: test rows are taken from below."""
    order = np.argsort(~rows.column("question"), kind="stable")[:count]
    return rows.index[np.sort(order)]


def effective_mixture(
    sources: Sequence[DataSource],
    train: Rows,
    epoch: Rows,
    labels: npt.NDArray[np.integer[Any]] | None,
) -> list[dict[str, Any]]:
    """For each source: path, weight, rows asked for, training rows, rows of an epoch, their share and label tokens.

    `labels` are the tokens trained on by row index; None without a tokenizer.
    """
    have, used = train.column("source"), epoch.column("source")
    result = []
    for number, source in enumerate(sources):
        mine = epoch.where(used == number)
        entry: dict[str, Any] = {
            "path": source.path, "weight": source.weight, "rows": source.rows,
            "train_rows": int((have == number).sum()), "epoch_rows": len(mine),
            "share": round(len(mine) / len(epoch), 6) if len(epoch) else 0.0,
        }  # fmt: skip
        if labels is not None:
            entry["epoch_label_tokens"] = int(labels[mine.index].sum())
        result.append(entry)
    return result
