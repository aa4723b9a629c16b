"""Benchmark files in, which of their questions nearly stand in the rows of a run out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, NoReturn

import numpy as np

from loralab.config.schema import DataConfig
from loralab.data.conversation import Dropped
from loralab.data.load import Loaded, load_rows, refuse_bad_rows
from loralab.data.overlap import find_overlap, overlap_report, user_texts
from loralab.data.rows import Rows
from loralab.errors import DataError, Problem
from loralab.train.prepare import Prepared
from loralab.words import say

Found = dict[str, Any]
SHOWN = 5  # rows that cannot be read


def find_contamination(paths: Iterable[str], prepared: Prepared, encoding: str = "utf-8") -> dict[str, Found]:
    """For each file: how many items, which of them are found in the run's rows, and in which.

    All rows of the run are searched: those held out are marked, as another split may train on them. Answers
    are not needed. Nothing is removed. Raises UsageError and DataError as for data files.
    """
    sets = prepared.sets()
    result: dict[str, Found] = {}
    for path in paths:
        loaded = _load(path, encoding)
        for number, info in enumerate(loaded.found.files):
            items = loaded.rows.where(loaded.rows.column("file") == number)
            bad = [d for d in loaded.found.dropped if d.file == info.path]
            if not len(items):
                _refuse(info.path, bad)
            unread = [{"place": d.place, "reason": d.reason, "detail": str(d.detail)} for d in bad[:SHOWN]]
            counts = {"unread": len(bad), "unread_rows": unread, "format": info.format}
            result[info.path] = _of_file(items, prepared.kept, sets) | counts
    return result


def _load(path: str, encoding: str) -> Loaded:
    """The items of a benchmark, which is UTF-8 more often than the training files need be."""
    config = DataConfig(train=(), test=None, probes=path)
    try:
        return load_rows(config)
    except DataError:
        if encoding == config.encoding:
            raise
        return load_rows(replace(config, encoding=encoding))


def _refuse(path: str, bad: Sequence[Dropped]) -> NoReturn:
    """Nothing was compared: that is no clean result."""
    refuse_bad_rows(bad, say("name the file with the benchmark's questions"))
    raise DataError(Problem(say("holds no questions"), path))


def _of_file(items: Rows, rows: Rows, sets: dict[int, str]) -> Found:
    asked = ["\n".join(user_texts(row.conversation)) for row in items]
    numbers = items.column("number").astype(np.int64) - 1
    found = overlap_report(find_overlap(asked, rows), items.places(), rows, sets)
    pairs = [pair | {"item": int(numbers[pair["item"]])} for pair in found["pairs"]]
    return found | {"pairs": pairs, "items": sorted({pair["item"] for pair in pairs})}
