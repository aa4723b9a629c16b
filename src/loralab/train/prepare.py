"""A config in, everything that is known before a model loads out: rows, masks, split, questions and the report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from loralab.config.schema import Config, DataConfig, Slice
from loralab.data.conversation import Dropped
from loralab.data.load import Loaded, load_rows, refuse_bad_rows
from loralab.data.mixture import effective_mixture, mix
from loralab.data.overlap import Overlap, find_near_copies, find_overlap, overlap_report, user_texts
from loralab.data.reasons import BAD_ROW
from loralab.data.report import DataReport, count_copies, count_reasons, count_repairs, dropped_line
from loralab.data.rows import PROBES, TEST, OfRows, Rows
from loralab.data.split import (
    Split,
    check_slices,
    dropped_row,
    overlapping,
    read_earlier,
    slices_of,
    split_rows,
)
from loralab.encode.encode import Encoded
from loralab.encode.rows import EncodedRows, encode_rows
from loralab.encode.template import ChatTemplate
from loralab.engine.base import TokenRow
from loralab.errors import DataError, Problem
from loralab.evaluate.questions import Question, freeze_questions
from loralab.run.files import write_json, write_json_lines
from loralab.train.data_warnings import data_warnings
from loralab.words import Words, say


@dataclass(frozen=True)
class Prepared:
    """The data of a run.

    `kept` are all rows that can be used, whatever for; `epoch` the training rows of one epoch: those of the split, some more than once where the sources have
    weights. `near` are ids of test rows and probes whose question nearly stands in a training row.
    """

    split: Split
    kept: Rows
    epoch: Rows
    encoded: EncodedRows
    report: DataReport
    dropped: tuple[Dropped, ...]
    questions: tuple[Question, ...]
    warnings: tuple[tuple[str, Words], ...]
    near: frozenset[str] = frozenset()
    search_seconds: float = 0.0  # that the search for near-duplicates took

    def token_rows(self, rows: Rows) -> OfRows[TokenRow]:
        """Rows as an engine takes them, read when asked."""
        return OfRows(rows, lambda index: TokenRow(rows.id_of(index), self.encoded.of(index)))

    def tokens_of(self, index: int) -> Encoded:
        """The tokens of the row with this index."""
        return self.encoded.of(index)

    def noting(self, notes: Iterable[Words]) -> Prepared:
        """The same with what was noticed when files of hubs were fetched."""
        return replace(self, warnings=(*(("data_fetched", note) for note in notes), *self.warnings))

    def sets(self) -> dict[int, str]:
        """train, test, probe or unused for each row, by index; unused rows are left out by a weight or a number."""
        split = self.split
        names = (
            (split.train, "unused"), (self.epoch, "train"), (split.test, "test"), (split.probes, "probe"),
        )  # fmt: skip
        return {int(i): name for rows, name in names for i in rows.index}

    def split_ids(self) -> dict[str, object]:
        """data/split.json: row ids of the training rows of an epoch, the test rows and the probes."""
        return self.split.to_dict() | {"train": self.epoch.ids()}

    def write(self, folder: Path) -> None:
        """Write report.json, dropped.jsonl and split.json into a run's data folder; cut.jsonl if rows are cut."""
        write_json(folder / "report.json", self.report.to_dict())
        write_json_lines(folder / "dropped.jsonl", map(dropped_line, self.dropped))
        write_json(folder / "split.json", self.split_ids())
        if self.report.tokens and self.report.tokens.cut:
            write_json_lines(folder / "cut.jsonl", self.encoded.cut_lines(self.kept))

    def refuse(self, config: DataConfig) -> None:
        """Raise DataError if the config does not allow what was found, or nothing is left to train on."""
        unread = [d for d in self.dropped if d.unread]
        refuse_bad_rows(unread, say("mend the file: its rows after this place could not be read"))
        if config.on_bad_row == "error":
            mend = say("mend the rows, or set data.on_bad_row: drop to leave them out and count them")
            refuse_bad_rows([d for d in self.dropped if d.reason in BAD_ROW], mend)
        if config.on_long == "error":
            shorten = say("raise data.max_tokens, or set data.on_long: cut or drop")
            refuse_bad_rows([d for d in self.dropped if d.reason == "too_long"], shorten)
        if config.on_overlap == "error":
            part = say("remove these rows, or set data.on_overlap: drop to leave them out of training")
            refuse_bad_rows(overlapping(self.split.hits), part)
        if not self.report.kept:
            raise DataError(self._nothing_left())

    def refuse_without_training_rows(self) -> None:
        """Raise DataError if no training row is left."""
        if not len(self.epoch):
            raise DataError(self._nothing_left())

    def _nothing_left(self) -> Problem:
        report = self.report
        files = ", ".join(f.path for f in report.files)
        if not report.read:
            return Problem(say("holds no rows"), files)
        if not report.dropped:
            return Problem(
                say("no row is left to train on: {test} rows are held out, {probes} are probes, {unused} are left"
                    " out by data.train's weights and numbers of rows",
                    test=len(self.split.test), probes=len(self.split.probes), unused=len(self.split.train)),
                files, next=say("lower data.test and data.probes, or raise the weights"),
            )  # fmt: skip
        reasons = ", ".join(f"{reason} {n}" for reason, n in report.dropped.items())
        first = self.dropped[0]
        return Problem(
            say("no row is left to train on; dropped: {reasons}", reasons=reasons),
            first.place,
            first.detail,
            say("raise data.max_tokens, or look at the dropped rows: loralab check CONFIG --json")
            if "no_label_token" in self.report.dropped or "too_long" in self.report.dropped
            else say("look at the dropped rows: loralab check CONFIG --json"),
        )


def prepare(config: Config, template: ChatTemplate | None) -> Prepared:
    """Load, check, encode and split the data of a run.

    Raises UsageError for paths that do not exist and DataError for files that cannot be read at all;
    bad rows are in the result, see `Prepared.refuse`.
    """
    data = config.data
    earlier = read_earlier(data.split) if data.split else None
    loaded = load_rows(data, slices_of(data))
    check_slices(data, loaded.found.records)
    encoded = encode_rows(loaded.rows, template, data) if template else EncodedRows(loaded.rows)
    kept, copies = _without_copies(encoded.kept, data)
    split = split_rows(kept, data, earlier)
    dropped = (*loaded.found.dropped, *encoded.dropped, *copies, *split.dropped)
    gone = split.hits.index if split.dropped else split.hits.index[:0]
    kept = kept.where(~np.isin(kept.index, gone))
    epoch = mix(split.train, data.sources)
    near = _near(split, epoch, data)
    report = _report(loaded, kept, dropped, encoded, split)
    report.more.update(_closer_look(loaded, split, epoch, encoded, near, data))
    questions = freeze_questions(split.probes, split.test, split.seen, data.system, config.evaluate.answers)
    near_ids = _asked(split).take(_asked(split).index[near.found]).ids() if near else []
    warnings = data_warnings(loaded, report, split, epoch, encoded, data)
    return Prepared(
        split, kept, epoch, encoded, report, dropped, questions, tuple(warnings), frozenset(near_ids),
        near.seconds if near else 0.0,
    )  # fmt: skip


def _without_copies(rows: Rows, data: DataConfig) -> tuple[Rows, tuple[Dropped, ...]]:
    """The rows without further copies in the same set: a test row that is a training row too stays a test row."""
    if data.on_duplicate == "keep":
        return rows, ()
    sets = rows.column("part").astype(np.int64)
    position = rows.column("position")
    own = sets == 0
    for number, choice in ((TEST, data.test), (PROBES, data.probes)):
        if isinstance(choice, Slice):
            sets[own & (position >= choice.start) & (position < choice.stop)] = number
    pairs = np.stack([sets, rows.column("talk").view(np.int64)], axis=1)
    _, first = np.unique(pairs, axis=0, return_index=True)
    further = np.ones(len(rows), bool)
    further[first] = False
    detail = say("the same question and answer stand in an earlier row")
    copies = rows.where(further)
    return rows.where(~further), tuple(dropped_row(copies, int(i), "duplicate", detail) for i in copies.index)


def _asked(split: Split) -> Rows:
    """Test rows and probes that are not trained on, each once."""
    index = dict.fromkeys([*split.test.index.tolist(), *split.probes.index.tolist()])
    asked = split.test.take(np.array(list(index), np.int64))
    return asked.where(~np.isin(asked.ids(), list(split.seen))) if split.seen else asked


def _near(split: Split, epoch: Rows, data: DataConfig) -> Overlap | None:
    """Training rows whose question is nearly one that is asked."""
    asked = _asked(split)
    if data.near_duplicates == "off" or not len(asked) or not len(epoch):
        return None
    return find_overlap(["\n".join(user_texts(row.conversation)) for row in asked], epoch)


def _report(
    loaded: Loaded, kept: Rows, dropped: Sequence[Dropped], encoded: EncodedRows, split: Split
) -> DataReport:
    found = loaded.found
    duplicates, conflicts = count_copies(encoded.kept)
    report = DataReport(
        files=tuple(found.files), read=found.read, kept=len(kept), repaired=count_repairs(found.repaired),
        dropped=count_reasons(dropped), duplicates=duplicates, conflicts=conflicts, overlap=split.overlap,
        unused_keys=dict(found.unused_keys), tokens=encoded.token_counts(kept),
    )  # fmt: skip
    assert report.read == report.kept + sum(report.dropped.values()), "a row went missing"
    return report


def _closer_look(
    loaded: Loaded, split: Split, epoch: Rows, encoded: EncodedRows, near: Overlap | None, data: DataConfig
) -> Iterator[tuple[str, object]]:
    """Further parts of the report: findings in the texts, near-duplicates, the mixture."""
    rows = loaded.rows
    yield "findings", [finding.to_dict(rows.place) for finding in loaded.found.doctor.findings()]
    if near:
        yield "near", overlap_report(near, _asked(split).places(), rows, {})
    if data.near_duplicates == "all":
        yield "near_duplicates", find_near_copies(split.train)
    if len(data.sources) > 1 or any(s.weight != 1 or s.rows is not None for s in data.sources):
        yield "mixture", effective_mixture(data.sources, split.train, epoch, encoded.labels())


def data_names(config: Config) -> str:
    """A short name of the training data, for run names."""
    paths = [source.path for source in config.data.sources]
    return Path(paths[0]).name.partition(".")[0] if paths else "data"
