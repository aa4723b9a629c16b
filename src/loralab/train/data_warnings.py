"""What was found in the data in, one line for each thing that was done to it or deserves a look out."""

from __future__ import annotations

from collections.abc import Iterator

from loralab.config.schema import DataConfig
from loralab.data.load import Loaded
from loralab.data.report import DataReport
from loralab.data.rows import Rows
from loralab.data.split import Split
from loralab.data.text import printable
from loralab.encode.rows import EncodedRows
from loralab.words import Words, say

Line = tuple[str, Words]


def data_warnings(
    loaded: Loaded, report: DataReport, split: Split, epoch: Rows, encoded: EncodedRows, data: DataConfig
) -> Iterator[Line]:
    """(code, words) for everything that deserves a line."""
    yield from _of_files(loaded)
    yield from _of_fields(loaded, data)
    yield from _of_rows(report, data)
    yield from _of_tokens(report, encoded, data)
    yield from _of_split(split, epoch, data)
    yield from _of_sources(split, epoch, data)
    for finding in loaded.found.doctor.findings():
        yield finding.code, finding.words
    near = report.more.get("near")
    if near and near["found"] == near["asked"]:
        yield "near_duplicates", say(
            "all {asked} test and probe questions nearly stand in training rows ({rows} rows): scores say little about"
            " questions that were not trained on",
            asked=near["asked"], rows=near["rows"],
        )  # fmt: skip
    elif near and near["found"]:
        yield "near_duplicates", say(
            "{found} of {asked} test and probe questions nearly stand in training rows ({rows} rows): they are kept,"
            " and scores are given with and without these questions",
            found=near["found"], asked=near["asked"], rows=near["rows"],
        )  # fmt: skip
    copies = report.more.get("near_duplicates")
    if copies and copies["groups"]:
        yield "near_copies", say(
            "{rows} training rows nearly repeat another one ({groups} groups); all are kept",
            rows=copies["rows"], groups=copies["groups"],
        )  # fmt: skip


def _of_files(loaded: Loaded) -> Iterator[Line]:
    paths = list(dict.fromkeys(map(printable, map(str, loaded.found.passed_over))))
    if paths:
        names = ", ".join(paths[:8]) + (", ..." if len(paths) > 8 else "")
        yield "files_passed_over", say(
            "{n} entries of data folders are not read, as they are folders (FOLDER/**/*.jsonl is any depth), hidden,"
            " or not named as data files: {names}",
            n=len(paths), names=names,
        )  # fmt: skip


def _of_rows(report: DataReport, data: DataConfig) -> Iterator[Line]:
    if report.dropped:
        reasons = ", ".join(f"{reason} {n}" for reason, n in report.dropped.items())
        number = sum(report.dropped.values())
        yield (
            "rows_dropped",
            say("{n} of {read} rows dropped: {reasons}", n=number, read=report.read, reasons=reasons),
        )
    if report.unused_keys:
        most = sorted(report.unused_keys.items(), key=lambda item: -item[1])[:8]
        keys = ", ".join(f"{key} ({n})" for key, n in most) + (", ..." if len(report.unused_keys) > 8 else "")
        yield "keys_unused", say("keys of the rows that are not used: {keys}", keys=keys)
    if report.conflicts:
        yield (
            "conflicts",
            say("{n} questions have more than one answer; none is left out for that", n=report.conflicts),
        )
    if report.duplicates:
        yield "duplicates", say(
            "{n} extra copies of rows (data.on_duplicate: {choice})", n=report.duplicates, choice=data.on_duplicate
        )  # fmt: skip


def _of_tokens(report: DataReport, encoded: EncodedRows, data: DataConfig) -> Iterator[Line]:
    if report.tokens and report.tokens.cut:
        yield "answers_cut", say(
            "{n} answers are cut at data.max_tokens = {limit} and lose their end: raise data.max_tokens, or set data.on_long: drop",
            n=report.tokens.cut, limit=data.max_tokens,
        )  # fmt: skip
    disagree = encoded.disagreeing()
    if len(disagree):
        yield "token_border", say(
            "{n} rows have a token that would span question and answer; they are split there, as in generation; first: {place}",
            n=len(disagree), place=disagree.place(int(disagree.index[0])),
        )  # fmt: skip
    if encoded.store and encoded.store.note:
        yield "token_cache", encoded.store.note


def _of_fields(loaded: Loaded, data: DataConfig) -> Iterator[Line]:
    absent = [key for key in data.fields.values() if key not in loaded.found.used_keys]
    if absent and len(loaded.rows):
        yield "fields_absent", say("keys of data.fields that no row has: {keys}", keys=", ".join(absent))


def _of_sources(split: Split, epoch: Rows, data: DataConfig) -> Iterator[Line]:
    have, used = split.train.column("source"), epoch.column("source")
    for number, source in enumerate(data.sources):
        rows, mine = int((have == number).sum()), int((used == number).sum())
        if source.rows is not None and rows < source.rows:
            yield "fewer_rows", say(
                "{path} has {rows} rows to train on, {wanted} were asked for", path=source.path, rows=rows, wanted=source.rows
            )  # fmt: skip
        elif rows and not mine:
            yield (
                "no_rows_of_source",
                say("no row of {path} is trained on: its weight is too small", path=source.path),
            )


def _of_split(split: Split, epoch: Rows, data: DataConfig) -> Iterator[Line]:
    if split.seen:
        yield "probes_seen", say("no question can be held out: the probe is a training row, marked seen")
    if not len(epoch):
        yield "no_training_rows", say("no row is left to train on")
    if not len(split.test) and data.test is not None:
        yield "no_test_rows", say("too few questions to hold out a test set: there will be no held-out loss")
    for key, choice, rows in (("test", data.test, split.test), ("probes", data.probes, split.probes)):
        if isinstance(choice, int) and len(rows) != choice:
            yield "other_number", say(
                "data.{key} asks for {wanted} rows, {rows} are taken: rows of one question stay together, and there"
                " have to be enough",
                key=key, wanted=choice, rows=len(rows),
            )  # fmt: skip
