"""Rows kept and dropped in, data/report.json out: every loss of data counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from loralab.data.conversation import Dropped
from loralab.data.reasons import REASONS, REPAIRS
from loralab.data.rows import Rows

Numbers = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True)
class FileInfo:
    """A data file: its name, the hash of its bytes, how many records, the shapes of its rows, the kind of file."""

    path: str
    sha256: str
    rows: int
    format: str
    kind: str = ""
    shapes: dict[str, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The file as the report holds it."""
        return {
            "path": self.path, "sha256": self.sha256, "rows": self.rows, "format": self.format,
            "kind": self.kind, "shapes": self.shapes,
        }  # fmt: skip


@dataclass(frozen=True)
class TokenCounts:
    """Lengths in tokens (n,) of the kept rows, after cutting, and what is trained on.

    `labels` (n,) are the tokens trained on, `cut` the rows that are cut; `cut_labels` and `cut_ends` are the
    tokens to train on, and among them the end tokens, that were cut off.
    """

    lengths: Numbers
    labels: Numbers
    cut: int = 0
    cut_labels: int = 0
    cut_ends: int = 0

    def to_dict(self) -> dict[str, int]:
        """median, p95 (nearest rank), max and sums."""
        ordered = np.sort(self.lengths) if len(self.lengths) else np.zeros(1, np.int64)
        number = len(ordered)
        return {
            "median": int(ordered[(number - 1) // 2]),
            "p95": int(ordered[-(-number * 95 // 100) - 1]),
            "max": int(ordered[-1]),
            "total": int(self.lengths.sum()),
            "label_total": int(self.labels.sum()),
            "cut_labels": self.cut_labels,
            "cut_ends": self.cut_ends,
        }


@dataclass(frozen=True)
class DataReport:
    """Where every row went: read = kept + sum(dropped).

    The counts are over all kept rows, before the split. `more` holds what came from a closer look: findings,
    near-duplicates, the mixture, contamination; each is a JSON value.
    """

    files: tuple[FileInfo, ...]
    read: int
    kept: int
    repaired: dict[str, int]
    dropped: dict[str, int]
    duplicates: int
    conflicts: int
    overlap: int
    unused_keys: dict[str, int] = field(default_factory=dict)
    tokens: TokenCounts | None = None
    more: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The contract of data/report.json."""
        cut = self.tokens.cut if self.tokens else 0
        result: dict[str, Any] = {
            "files": [f.to_dict() for f in self.files],
            "read": self.read,
            "kept": self.kept,
            "repaired": self.repaired,
            "dropped": self.dropped,
            "cut": cut,
            "cut_answers": cut,  # a row is stored up to its last trained token: a cut always takes from an answer
            "duplicates": self.duplicates,
            "conflicts": self.conflicts,
            "overlap": self.overlap,
            "unused_keys": self.unused_keys,
        }
        if self.tokens:
            result["tokens"] = self.tokens.to_dict()
        return result | self.more


def count_reasons(dropped: Iterable[Dropped]) -> dict[str, int]:
    """Dropped rows by reason, in the order of the closed list."""
    counts = Counter(d.reason for d in dropped)
    return {reason: counts[reason] for reason in REASONS if counts[reason]}


def count_repairs(repaired: Mapping[str, int]) -> dict[str, int]:
    """Repairs by kind, in the order of the closed list."""
    assert set(repaired) <= set(REPAIRS)
    return {repair: repaired[repair] for repair in REPAIRS if repaired.get(repair)}


def count_copies(rows: Rows) -> tuple[int, int]:
    """(extra copies equal in question and answer, questions with more than one distinct answer)."""
    copies = len(rows) - len(np.unique(rows.column("talk")))
    rows = rows.where(rows.column("answer") != hash(""))  # a probe may lack its answer
    pairs = np.stack([rows.column("question").view(np.int64), rows.column("answer")], axis=1)
    questions = np.unique(pairs, axis=0)[:, 0] if len(rows) else pairs[:, 0]
    _, answers = np.unique(questions, return_counts=True)
    return copies, int((answers > 1).sum())


def line_of(place: str) -> int | str:
    """The line of a place, or its `#row` where there is none."""
    line = place.rpartition(":")[2]
    return int(line) if line.isdigit() else line


def dropped_line(item: Dropped) -> dict[str, Any]:
    """One line of data/dropped.jsonl."""
    return {
        "file": item.file,
        "line": line_of(item.place),
        "reason": item.reason,
        "detail": str(item.detail),
        "row": item.row(),
    }
