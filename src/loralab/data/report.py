"""Rows kept and dropped in, data/report.json out: every loss of data counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from loralab.data.conversation import Dropped, Message, Row, copy_key, question_key
from loralab.data.reasons import REASONS, REPAIRS


@dataclass(frozen=True)
class FileInfo:
    """A data file: where, what bytes, how many records, and which shape its rows have."""

    path: str
    sha256: str
    rows: int
    format: str

    def to_dict(self) -> dict[str, Any]:
        """The file as the report holds it."""
        return {"path": self.path, "sha256": self.sha256, "rows": self.rows, "format": self.format}


@dataclass(frozen=True)
class TokenCounts:
    """Lengths in tokens over the kept rows, after cutting. `label_total` counts the tokens trained on."""

    lengths: Sequence[int]
    label_total: int
    cut: int = 0
    cut_answers: int = 0

    def to_dict(self) -> dict[str, int]:
        """median, p95 (nearest rank), max and sums."""
        ordered = sorted(self.lengths) or [0]
        number = len(ordered)
        return {
            "median": ordered[(number - 1) // 2],
            "p95": ordered[-(-number * 95 // 100) - 1],
            "max": ordered[-1],
            "total": sum(self.lengths),
            "label_total": self.label_total,
        }


@dataclass(frozen=True)
class DataReport:
    """Where every row went: read = kept + sum(dropped)."""

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

    def to_dict(self) -> dict[str, Any]:
        """The contract of data/report.json."""
        result: dict[str, Any] = {
            "files": [f.to_dict() for f in self.files],
            "read": self.read,
            "kept": self.kept,
            "repaired": self.repaired,
            "dropped": self.dropped,
            "cut": self.tokens.cut if self.tokens else 0,
            "cut_answers": self.tokens.cut_answers if self.tokens else 0,
            "duplicates": self.duplicates,
            "conflicts": self.conflicts,
            "overlap": self.overlap,
            "unused_keys": self.unused_keys,
        }
        if self.tokens:
            result["tokens"] = self.tokens.to_dict()
        return result


def count_reasons(dropped: Iterable[Dropped]) -> dict[str, int]:
    """Dropped rows by reason, in the order of the closed list."""
    counts = Counter(d.reason for d in dropped)
    return {reason: counts[reason] for reason in REASONS if counts[reason]}


def count_repairs(repaired: Mapping[str, int]) -> dict[str, int]:
    """Repairs by kind, in the order of the closed list."""
    assert set(repaired) <= set(REPAIRS)
    return {repair: repaired[repair] for repair in REPAIRS if repaired.get(repair)}


def count_copies(rows: Iterable[Row]) -> tuple[int, int]:
    """(extra copies equal in question and answer, questions with more than one distinct answer)."""
    copies: Counter[tuple[Message, ...]] = Counter()
    answers: dict[str, set[str]] = {}
    for row in rows:
        copies[copy_key(row.conversation)] += 1
        answers.setdefault(question_key(row.conversation), set()).add(row.conversation.answer)
    return copies.total() - len(copies), sum(len(found) > 1 for found in answers.values())


def dropped_line(item: Dropped) -> dict[str, Any]:
    """One line of data/dropped.jsonl."""
    line = item.place.rpartition(":")[2]
    number = int(line) if line.isdigit() else line
    return {
        "file": item.file,
        "line": number,
        "reason": item.reason,
        "detail": str(item.detail),
        "row": item.row,
    }
