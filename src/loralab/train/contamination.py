"""Benchmark files in, which of their questions nearly stand in the rows of a run out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from loralab.config.schema import DataConfig
from loralab.data.load import load_rows
from loralab.data.overlap import find_overlap, overlap_report, user_texts
from loralab.data.rows import Rows
from loralab.train.prepare import Prepared

Found = dict[str, Any]


def find_contamination(paths: Iterable[str], prepared: Prepared, encoding: str = "utf-8") -> dict[str, Found]:
    """For each file: how many items, which of them are found in the run's rows, and in which.

    All rows of the run are searched: those held out are marked, as another split may train on them. Answers
    are not needed. Nothing is removed. Raises UsageError and DataError as for data files.
    """
    sets = prepared.sets()
    result: dict[str, Found] = {}
    for path in paths:
        loaded = load_rows(DataConfig(train=(), test=None, probes=path, encoding=encoding))
        for number, info in enumerate(loaded.found.files):
            items = loaded.rows.where(loaded.rows.column("file") == number)
            unread = info.rows - len(items)
            result[info.path] = _of_file(items, prepared.kept, sets) | {
                "unread": unread,
                "format": info.format,
            }
    return result


def _of_file(items: Rows, rows: Rows, sets: dict[int, str]) -> Found:
    asked = ["\n".join(user_texts(row.conversation)) for row in items]
    numbers = items.column("number").astype(np.int64) - 1
    found = overlap_report(find_overlap(asked, rows), items.places(), rows, sets)
    pairs = [pair | {"item": int(numbers[pair["item"]])} for pair in found["pairs"]]
    return found | {"pairs": pairs, "items": sorted({pair["item"] for pair in pairs})}
