"""Rows in, training, test and probe rows out: chosen by question and seed, never by chance.

Rows with the same question stay together, so that no question is both trained on and tested.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from loralab.config.schema import DataConfig, Slice
from loralab.data.conversation import Dropped, plain
from loralab.data.rows import PROBES, TEST, TRAIN, Rows
from loralab.errors import DataError, Problem, UsageError
from loralab.words import Words, say

ROW_ID = re.compile(r"[0-9a-f]{16}(-[1-9][0-9]*)?")
OVERLAPS = say("the question is also a test or probe question")


@dataclass(frozen=True)
class Split:
    """Which rows are trained on, held out, and asked. `seen` are the ids of probes that are trained on too.

    `hits` are the rows to train on whose question is asked: dropped, kept or refused as data.on_overlap says.
    """

    train: Rows
    test: Rows
    probes: Rows
    hits: Rows
    seen: frozenset[str] = frozenset()
    dropped: tuple[Dropped, ...] = ()

    @property
    def overlap(self) -> int:
        """How many rows to train on have a question that is asked."""
        return len(self.hits)

    def to_dict(self) -> dict[str, Any]:
        """data/split.json: row ids; a row that is trained on twice in an epoch stands there twice."""
        return {
            "format": 1,
            "train": self.train.ids(),
            "test": self.test.ids(),
            "probes": self.probes.ids(),
            "seen": sorted(self.seen),
        }


@dataclass(frozen=True)
class Earlier:
    """The test and probe rows of an earlier run, by id; `path` is the file they stand in."""

    path: str
    test: tuple[str, ...]
    probes: tuple[str, ...]
    seen: frozenset[str]


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


def read_earlier(path: str) -> Earlier:
    """The test and probe rows of a run folder or a split.json; raises UsageError if there are none."""
    file = Path(path)
    try:
        file = file / "data" / "split.json" if file.is_dir() else file
        found = json.loads(file.read_text("utf-8"))
        parts = [found[key] for key in ("test", "probes", "seen")]
        known = found["format"] == 1 and all(_are_ids(part) for part in parts)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        known = False
    if not known:
        raise UsageError(
            Problem(
                say("data.split: holds no split of an earlier run"),
                str(file),
                next=say("give a run folder, or its data/split.json"),
            )
        )
    return Earlier(str(file), tuple(parts[0]), tuple(parts[1]), frozenset(parts[2]))


def _are_ids(part: object) -> bool:
    return isinstance(part, list) and all(map(_is_id, part)) and len(set(part)) == len(part)


def _is_id(value: object) -> bool:
    return isinstance(value, str) and ROW_ID.fullmatch(value) is not None


def split_rows(rows: Rows, config: DataConfig, earlier: Earlier | None = None) -> Split:
    """Training, test and probe rows of `rows` as data.rows, data.test, data.probes and data.split say.

    Rows that came from files given for test or probes are that. Under on_overlap: error the rows that overlap
    are still in, for the report; the caller raises. Raises DataError if rows of an earlier split are missing.
    """
    part = rows.column("part")
    own, test_file, probe_file = (rows.where(part == p) for p in (TRAIN, TEST, PROBES))
    pool = own if config.rows is None else _within(own, config.rows)
    if earlier:
        test = _as_before(earlier.test, own, test_file, "data.test", earlier.path)
        probes = _as_before(earlier.probes, own, probe_file, "data.probes", earlier.path)
        return _divide(pool, test, probes, earlier.seen, config)
    probes = probe_file if len(probe_file) else _fixed(own, config.probes)
    if not len(probes):
        probes = _choose(pool, _probe_count(config, len(pool)), config)
    free = _outside(pool, probes)
    if not isinstance(config.probes, Slice):
        free = free.where(~_asked_in(free, probes))
    test = test_file if len(test_file) else _fixed(own, config.test)
    if not len(test):
        test = _choose(free, _test_count(config, len(pool)), config)
    split = _divide(pool, test, probes, frozenset(), config)
    if len(probes) or config.probes != "auto" or not len(split.train):
        return split
    return replace(split, probes=split.train[:1], seen=frozenset(split.train[:1].ids()))


def _divide(pool: Rows, test: Rows, probes: Rows, seen: frozenset[str], config: DataConfig) -> Split:
    """What of the pool is left to train on, without rows whose question is asked where they are to be dropped."""
    fixed = probes if not seen else probes.where(~np.isin(probes.ids(), list(seen)))
    train = _outside(_outside(pool, test), fixed)
    asked = _asked_in(train, test) | _asked_in(train, fixed)
    hits = train.where(asked)
    if config.on_overlap == "drop":
        train = train.where(~asked)
    dropped = overlapping(hits) if config.on_overlap == "drop" else ()
    trained = probes.where(np.isin(probes.index, train.index))
    return Split(train, test, probes, hits, frozenset(trained.ids()), dropped)


def overlapping(hits: Rows) -> tuple[Dropped, ...]:
    """Rows whose question is asked, as rows that are not used."""
    return tuple(dropped_row(hits, int(i), "overlaps_test", OVERLAPS) for i in hits.index)


def dropped_row(rows: Rows, index: int, reason: str, detail: Words) -> Dropped:
    """The row with this index as one that is not used."""
    return Dropped(
        rows.file(index), rows.place(index), reason, detail, lambda: plain(rows.conversation(index))
    )


# ------------------------------------------------------------------------------------------- choosing


def _within(rows: Rows, part: Slice) -> Rows:
    position = rows.column("position")
    return rows.where((position >= part.start) & (position < part.stop))


def _fixed(rows: Rows, choice: object) -> Rows:
    return _within(rows, choice) if isinstance(choice, Slice) else rows[:0]


def _outside(rows: Rows, others: Rows) -> Rows:
    return rows.where(~np.isin(rows.index, others.index))


def _asked_in(rows: Rows, asked: Rows) -> npt.NDArray[np.bool_]:
    return np.isin(rows.column("question"), asked.column("question"))


def _as_before(wanted: Sequence[str], own: Rows, given: Rows, key: str, path: str) -> Rows:
    """The rows with these ids among those of data.train, or of a file given under `key`, which must hold just these.

    A file is compared by content: how a copy in it is numbered depends on the training rows.
    """
    if not len(given):
        return _by_id(own, wanted, key, path)
    places: dict[int, list[int]] = {}
    for content, index in zip(given.column("content").tolist(), given.index.tolist(), strict=True):
        places.setdefault(content, []).append(index)
    there, before = Counter(given.column("content").tolist()), Counter(_contents(wanted))
    if there != before:
        raise DataError(
            Problem(
                say("{key} is not as in the earlier split: {gone} of its {all} rows are missing, {more} are new",
                    key=key, gone=(before - there).total(), all=len(wanted), more=(there - before).total()),
                path,
                say("scores on other questions could not be compared"),
                say("give the file of the earlier run, or remove data.split"),
            )
        )  # fmt: skip
    return own.take(np.array([places[content].pop(0) for content in _contents(wanted)], np.int64))


def _by_id(rows: Rows, wanted: Sequence[str], key: str, path: str) -> Rows:
    likely = rows.where(np.isin(rows.column("content"), np.array(_contents(wanted), np.uint64)))
    found = dict(zip(likely.ids(), likely.index.tolist(), strict=True))
    missing = [row_id for row_id in wanted if row_id not in found]
    if missing:
        raise DataError(
            Problem(
                say("{n} of {all} rows that the earlier split holds for {key} are not among the usable rows, the first is {id}",
                    n=len(missing), all=len(wanted), key=key, id=missing[0]),
                path,
                say("scores on other questions could not be compared"),
                say("add the files they came from to data.train, give them as data.test or data.probes again, or widen data.rows"),
            )
        )  # fmt: skip
    return rows.take(np.array([found[row_id] for row_id in wanted], np.int64))


def _contents(ids: Sequence[str]) -> list[int]:
    """The hashes in ids, without the numbers of copies."""
    return [int(row_id[:16], 16) for row_id in ids]


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


def _choose(rows: Rows, count: int, config: DataConfig) -> Rows:
    """`count` rows by a seeded rank of their questions, over all files or from each by its share."""
    if config.stratify == "none":
        return _lowest(rows, count)
    # a question that stands in several files belongs to the first
    questions, first, which = np.unique(rows.column("question"), return_index=True, return_inverse=True)
    home = rows.column("file")[first][which] if len(questions) else rows.column("file")
    shares = _shares(Counter(home.tolist()), count)
    chosen = [_lowest(rows.where(home == file), share).index for file, share in shares.items()]
    index = np.concatenate(chosen) if chosen else rows.index[:0]
    return rows.take(np.sort(index))


def _shares(sizes: Mapping[int, int], count: int) -> dict[int, int]:
    """`count` divided by the sizes, with the largest remainders rounded up."""
    total = max(1, sum(sizes.values()))
    exact = {key: count * size / total for key, size in sizes.items()}
    shares = {key: int(value) for key, value in exact.items()}
    short = count - sum(shares.values())
    for key in sorted(exact, key=lambda key: (shares[key] - exact[key], key))[:short]:
        shares[key] += 1
    return shares


def _lowest(rows: Rows, count: int) -> Rows:
    """`count` rows whose questions rank lowest, whole questions only: appending rows to a file moves few of them."""
    ranks, sizes = np.unique(rows.column("question"), return_counts=True)
    chosen, room = [], count
    for rank, size in zip(ranks, sizes, strict=True):
        if not room:
            break
        if size <= room:
            chosen.append(rank)
            room -= int(size)
    if (
        not chosen and count and len(ranks) > 1
    ):  # every question stands in more rows: the one in fewest goes as a whole
        chosen = [ranks[np.argmin(sizes)]]
    return rows.where(np.isin(rows.column("question"), np.array(chosen, ranks.dtype)))
