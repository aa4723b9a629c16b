"""Rows in, training, test and probe rows out: chosen by question and seed, never by chance.

Rows with the same question stay together, so that no question is both trained on and tested.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from loralab.config.schema import DataConfig, Slice
from loralab.data.conversation import Dropped, Row, question_key
from loralab.errors import DataError, Problem
from loralab.words import say

OVERLAPS = say("the question is also a test or probe question")


@dataclass(frozen=True)
class Split:
    """Which rows are trained on, held out, and asked. `seen` are the ids of probes that are trained on too.

    `hits` are the rows to train on whose question is asked: dropped, kept or refused as data.on_overlap says.
    """

    train: tuple[Row, ...]
    test: tuple[Row, ...]
    probes: tuple[Row, ...]
    seen: frozenset[str] = frozenset()
    hits: tuple[Row, ...] = ()
    dropped: tuple[Dropped, ...] = ()

    @property
    def overlap(self) -> int:
        """How many rows to train on have a question that is asked."""
        return len(self.hits)

    def to_dict(self) -> dict[str, Any]:
        """data/split.json: row ids."""
        return {
            "format": 1,
            "train": [r.id for r in self.train],
            "test": [r.id for r in self.test],
            "probes": [r.id for r in self.probes],
            "seen": sorted(self.seen),
        }


def slices_of(config: DataConfig) -> list[Slice] | None:
    """The positions that are looked at; None for all."""
    if config.rows is None:
        return None
    return [config.rows, *(part for part in (config.test, config.probes) if isinstance(part, Slice))]


def check_slices(config: DataConfig, records: int) -> None:
    """Raise DataError for a slice that reaches beyond the files."""
    for key, part in (("rows", config.rows), ("test", config.test), ("probes", config.probes)):
        if isinstance(part, Slice) and part.stop > records:
            raise DataError(
                Problem(
                    say("data.{key} is {part}, but the files hold {n} rows", key=key, part=part, n=records),
                    next=say("choose a range within 0:{n}", n=records),
                )
            )


def split_rows(
    rows: Sequence[Row], config: DataConfig, test_file: Sequence[Row] = (), probe_file: Sequence[Row] = ()
) -> Split:
    """Training, test and probe rows of `rows` as data.rows, data.test and data.probes say.

    `test_file` and `probe_file` are the rows of files given for test and probes. Under on_overlap: error the
    rows that overlap are still in, for the report; `Prepared.refuse` raises.
    """
    pool = [r for r in rows if config.rows is None or r.position in config.rows]
    probes = (
        list(probe_file)
        or _fixed(rows, config.probes)
        or _choose(pool, _probe_count(config, len(pool)), config)
    )
    taken = {id(r) for r in probes}
    free = [r for r in pool if id(r) not in taken]
    free = _without_questions(free, probes) if not isinstance(config.probes, Slice) else free
    test = (
        list(test_file) or _fixed(rows, config.test) or _choose(free, _test_count(config, len(pool)), config)
    )
    taken |= {id(r) for r in test}
    train = [r for r in pool if id(r) not in taken]
    train, hits = _overlap(train, [*test, *probes], config)
    seen: frozenset[str] = frozenset()
    if not probes and config.probes == "auto" and train:
        probes = train[:1]
        seen = frozenset(r.id for r in probes)
    dropped = overlapping(hits) if config.on_overlap == "drop" else ()
    return Split(tuple(train), tuple(test), tuple(probes), seen, tuple(hits), dropped)


def overlapping(hits: Iterable[Row]) -> tuple[Dropped, ...]:
    """Rows whose question is asked, as rows that are not used."""
    return tuple(Dropped(r.file, r.place, "overlaps_test", OVERLAPS, r.plain()) for r in hits)


def _fixed(rows: Sequence[Row], choice: object) -> list[Row]:
    return [r for r in rows if r.position in choice] if isinstance(choice, Slice) else []


def _probe_count(config: DataConfig, num_rows: int) -> int:
    if isinstance(config.probes, int):
        return config.probes
    if config.probes != "auto" or num_rows < 4:
        return 0
    return 5 if num_rows >= 50 else max(1, num_rows // 10)


def _test_count(config: DataConfig, num_rows: int) -> int:
    if isinstance(config.test, int):
        return config.test
    return min(200, num_rows // 20) if config.test == "auto" else 0


def _choose(rows: Sequence[Row], count: int, config: DataConfig) -> list[Row]:
    """`count` rows by a seeded rank of their questions: appending rows to a file moves few of them."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(question_key(row.conversation), []).append(row)
    ranked = sorted(groups, key=lambda key: hashlib.sha256(f"{config.split_seed}:{key}".encode()).digest())
    chosen: list[Row] = []
    for key in ranked:
        if len(chosen) + len(groups[key]) <= count:
            chosen += groups[key]
    return sorted(chosen, key=lambda row: row.position)


def _without_questions(rows: Iterable[Row], asked: Iterable[Row]) -> list[Row]:
    keys = {question_key(r.conversation) for r in asked}
    return [r for r in rows if question_key(r.conversation) not in keys]


def _overlap(train: list[Row], asked: Iterable[Row], config: DataConfig) -> tuple[list[Row], list[Row]]:
    """Training rows without those whose question is asked (where they are to be dropped), and those."""
    keys = {question_key(r.conversation) for r in asked}
    hits = [r for r in train if question_key(r.conversation) in keys]
    if config.on_overlap != "drop":
        return train, hits
    gone = {id(r) for r in hits}
    return [r for r in train if id(r) not in gone], hits
