"""A config in, everything that is known before a model loads out: rows, masks, split, questions and the report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from loralab.config.schema import Config, DataConfig, Slice
from loralab.data.conversation import Dropped, Row, copy_key, number_copies
from loralab.data.load import Loaded, load_rows, refuse_bad_rows
from loralab.data.reasons import BAD_ROW
from loralab.data.report import DataReport, count_copies, count_reasons, count_repairs, dropped_line
from loralab.data.split import Split, check_slices, overlapping, slices_of, split_rows
from loralab.data.text import printable
from loralab.encode.encode import Encoded
from loralab.encode.rows import EncodedRows, encode_rows
from loralab.encode.template import ChatTemplate
from loralab.engine.base import TokenRow
from loralab.errors import DataError, Problem
from loralab.evaluate.questions import Question, freeze_questions
from loralab.run.files import write_json, write_json_lines
from loralab.run.folder import RunFolder
from loralab.words import Words, say


@dataclass(frozen=True)
class Prepared:
    """The data of a run. `encoded` is empty without a tokenizer."""

    split: Split
    encoded: dict[str, Encoded]
    report: DataReport
    dropped: tuple[Dropped, ...]
    questions: tuple[Question, ...]
    warnings: tuple[tuple[str, Words], ...]

    def token_rows(self, rows: Sequence[Row]) -> list[TokenRow]:
        """Rows as an engine takes them."""
        return [TokenRow(row.id, self.encoded[row.id]) for row in rows]

    def largest_id(self) -> int:
        """The largest token id in the data; 0 without rows."""
        return max((max(e.ids) for e in self.encoded.values()), default=0)

    def write(self, folder: RunFolder) -> None:
        """Write data/report.json, data/dropped.jsonl and data/split.json."""
        write_json(folder.data / "report.json", self.report.to_dict())
        write_json_lines(folder.data / "dropped.jsonl", [dropped_line(d) for d in self.dropped])
        write_json(folder.data / "split.json", self.split.to_dict())

    def refuse(self, config: DataConfig) -> None:
        """Raise DataError if the config does not allow what was found, or nothing is left to train on."""
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
        if not self.split.train:
            raise DataError(self._nothing_left())

    def _nothing_left(self) -> Problem:
        reasons = ", ".join(f"{reason} {n}" for reason, n in self.report.dropped.items()) or "none"
        first = self.dropped[0] if self.dropped else None
        return Problem(
            say("no row is left to train on; dropped: {reasons}", reasons=reasons),
            first.place if first else "",
            first.detail if first else None,
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
    loaded, test_ids, probe_ids = _load_all(data)
    dropped = list(loaded.dropped)
    encoded = encode_rows(loaded.rows, template, data) if template else EncodedRows(kept=loaded.rows)
    dropped += encoded.dropped
    kept, copies = _without_copies(encoded.kept, data, test_ids, probe_ids)
    dropped += copies
    split = split_rows(
        [r for r in kept if r.id not in test_ids | probe_ids],
        data,
        [r for r in kept if r.id in test_ids],
        [r for r in kept if r.id in probe_ids],
    )
    dropped += split.dropped
    used = {r.id for r in (*split.train, *split.test, *split.probes)}
    kept = [r for r in kept if r.id in used]
    report = _report(loaded, kept, dropped, encoded, split, with_tokens=template is not None)
    questions = freeze_questions(split, data.system, config.evaluate.answers)
    warnings = (*_passed_over(loaded), *_warnings(report, split, encoded, data))
    return Prepared(split, encoded.encoded, report, tuple(dropped), questions, warnings)


def _load_all(data: DataConfig) -> tuple[Loaded, set[str], set[str]]:
    """All rows with ids that are unique over all files, and the ids of those from test and probe files."""
    loaded = load_rows(data.train, data, slices_of(data))
    check_slices(data, loaded.records)
    parts = [len(loaded.rows)]
    for choice in (data.test, data.probes):
        if isinstance(choice, str) and choice != "auto":
            loaded.merge(load_rows([choice], replace(data, rows=None)))
        parts.append(len(loaded.rows))
    unnumbered = [replace(row, id=row.id.partition("-")[0]) for row in loaded.rows]
    loaded.rows = number_copies(unnumbered)
    ids = [row.id for row in loaded.rows]
    return loaded, set(ids[parts[0] : parts[1]]), set(ids[parts[1] :])


def _without_copies(
    rows: Sequence[Row], data: DataConfig, test_ids: set[str], probe_ids: set[str]
) -> tuple[list[Row], list[Dropped]]:
    """The rows without further copies in the same set: a test row that is a training row too stays a test row."""

    def set_of(row: Row) -> str:
        fixed = row.id in test_ids | probe_ids
        if row.id in probe_ids or (not fixed and _is_in(row, data.probes)):
            return "probes"
        return "test" if row.id in test_ids or (not fixed and _is_in(row, data.test)) else "train"

    if data.on_duplicate == "keep":
        return list(rows), []
    seen: set[tuple[str, object]] = set()
    kept, dropped = [], []
    for row in rows:
        key = (set_of(row), copy_key(row.conversation))
        if key in seen:
            detail = say("the same question and answer stand in an earlier row")
            dropped.append(Dropped(row.file, row.place, "duplicate", detail, row.plain()))
        else:
            kept.append(row)
        seen.add(key)
    return kept, dropped


def _is_in(row: Row, choice: object) -> bool:
    return isinstance(choice, Slice) and row.position in choice


def _report(
    loaded: Loaded,
    kept: list[Row],
    dropped: list[Dropped],
    encoded: EncodedRows,
    split: Split,
    with_tokens: bool,
) -> DataReport:
    duplicates, conflicts = count_copies(encoded.kept)
    report = DataReport(
        files=tuple(loaded.files), read=loaded.read, kept=len(kept), repaired=count_repairs(loaded.repaired),
        dropped=count_reasons(dropped), duplicates=duplicates, conflicts=conflicts, overlap=split.overlap,
        unused_keys=dict(loaded.unused_keys), tokens=encoded.token_counts(kept) if with_tokens else None,
    )  # fmt: skip
    assert report.read == report.kept + sum(report.dropped.values()), "a row went missing"
    return report


def _passed_over(loaded: Loaded) -> Iterator[tuple[str, Words]]:
    """The warning that names what in the data folders was not read."""
    paths = list(dict.fromkeys(map(printable, map(str, loaded.passed_over))))
    if paths:
        names = ", ".join(paths[:8]) + (", ..." if len(paths) > 8 else "")
        yield (
            "files_passed_over",
            say(
                "{n} entries of data folders are not read, as their names are not those of data files: {names}",
                n=len(paths),
                names=names,
            ),
        )


def _warnings(
    report: DataReport, split: Split, encoded: EncodedRows, data: DataConfig
) -> list[tuple[str, Words]]:
    """(code, words) for everything that was done to the data and deserves a line."""
    found: list[tuple[str, Words]] = []
    if report.dropped:
        reasons = ", ".join(f"{reason} {n}" for reason, n in report.dropped.items())
        found.append(
            (
                "rows_dropped",
                say(
                    "{n} of {read} rows dropped: {reasons}",
                    n=sum(report.dropped.values()),
                    read=report.read,
                    reasons=reasons,
                ),
            )
        )
    if report.tokens and report.tokens.cut:
        found.append(
            ("answers_cut", say(
                "{n} answers are cut at data.max_tokens = {limit} and lose their end: raise data.max_tokens, or set data.on_long: drop",
                n=report.tokens.cut_answers, limit=data.max_tokens))
        )  # fmt: skip
    if report.unused_keys:
        most = sorted(report.unused_keys.items(), key=lambda item: -item[1])[:8]
        keys = ", ".join(f"{key} ({n})" for key, n in most) + (", ..." if len(report.unused_keys) > 8 else "")
        found.append(("keys_unused", say("keys of the rows that are not used: {keys}", keys=keys)))
    if report.conflicts:
        found.append(
            ("conflicts", say("{n} questions have more than one answer; all are kept", n=report.conflicts))
        )
    if report.duplicates:
        found.append(
            (
                "duplicates",
                say(
                    "{n} extra copies of rows (data.on_duplicate: {choice})",
                    n=report.duplicates,
                    choice=data.on_duplicate,
                ),
            )
        )
    if encoded.disagree:
        found.append(("token_border", say(
            "{n} rows have a token that would span question and answer; they are split there, as in generation; first: {place}",
            n=len(encoded.disagree), place=encoded.disagree[0])))  # fmt: skip
    if split.seen:
        found.append(
            ("probes_seen", say("too few rows to hold any out: the probe is a training row, marked seen"))
        )
    if not split.train:
        found.append(("no_training_rows", say("no row is left to train on")))
    if not split.test and data.test is not None:
        found.append(
            ("no_test_rows", say("too few rows to hold out a test set: there will be no held-out loss"))
        )
    return found


def data_names(config: Config) -> str:
    """A short name of the training data, for run names."""
    return Path(config.data.train[0]).name.partition(".")[0] if config.data.train else "data"
