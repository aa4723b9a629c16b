"""Data files in, rows with ids out; every row that cannot be used is returned beside them with its reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from loralab.config.schema import DataConfig, Slice
from loralab.data.conversation import Conversation, Dropped
from loralab.data.doctor.text_faults import TextDoctor
from loralab.data.formats import FORMATS, convert
from loralab.data.reasons import BadRow
from loralab.data.records import Record, open_records
from loralab.data.report import FileInfo
from loralab.data.rows import PROBES, TEST, TRAIN, Rows, RowTable
from loralab.data.sources import SourceFile, expand, passed_over
from loralab.data.text import printable
from loralab.errors import DataError, Problem, UsageError
from loralab.words import Words, say


@dataclass
class Loading:
    """What the files hold, growing while they are read.

    `records` counts the records of the training files, looked at or not; `passed_over` is what stands beside
    the data files in a folder and is not read.
    """

    config: DataConfig
    table: RowTable
    doctor: TextDoctor = field(default_factory=TextDoctor)
    dropped: list[Dropped] = field(default_factory=list)
    repaired: Counter[str] = field(default_factory=Counter)
    unused_keys: Counter[str] = field(default_factory=Counter)
    used_keys: set[str] = field(default_factory=set)
    files: list[FileInfo] = field(default_factory=list)
    passed_over: list[Path] = field(default_factory=list)
    read: int = 0
    records: int = 0


@dataclass(frozen=True)
class Loaded:
    """All usable rows, of training, test and probe files in this order, and what was found on the way."""

    rows: Rows
    found: Loading

    def part(self, part: int) -> Rows:
        """The rows that came from data.train, data.test or data.probes."""
        return self.rows.where(self.rows.column("part") == part)


def load_rows(config: DataConfig, slices: Sequence[Slice] | None = None) -> Loaded:
    """The rows of all files that the config names; of training files only records in `slices`, if there are any.

    Raises UsageError for a path that does not exist, DataError for a file that cannot be read at all.
    """
    _check_format(config)
    loading = Loading(config, RowTable(config.split_seed))
    for number, source in enumerate(config.sources):
        _load(source.path, "data.train", TRAIN, number, slices, loading)
    for key, part, choice in (("data.test", TEST, config.test), ("data.probes", PROBES, config.probes)):
        if isinstance(choice, str) and choice != "auto":
            _load(choice, key, part, -1, None, loading)
    return Loaded(loading.table.rows(), loading)


def _check_format(config: DataConfig) -> None:
    if config.format != "auto" and config.format not in FORMATS:
        known = ", ".join(["auto", *FORMATS])
        raise UsageError(
            Problem(say("data.format is {name!r}, must be one of: {known}", name=config.format, known=known))
        )


def _load(
    path: str, key: str, part: int, source: int, slices: Sequence[Slice] | None, loading: Loading
) -> None:
    for file in expand([path], key):
        _load_file(file, part, source, slices, loading)
    loading.passed_over += passed_over([path])


def _load_file(
    file: SourceFile, part: int, source: int, slices: Sequence[Slice] | None, loading: Loading
) -> None:
    config, table = loading.config, loading.table
    try:
        info, records = open_records(file.path, config.encoding)
    except LookupError:
        raise UsageError(
            Problem(say("data.encoding is {name!r}, which is no encoding", name=config.encoding))
        ) from None
    table.files.append(file.name)
    shapes: Counter[str] = Counter()
    count = 0
    answer = part != PROBES
    for count, record in enumerate(records, 1):
        position = loading.records if part == TRAIN else count - 1
        loading.records += part == TRAIN
        if slices is not None and not any(position in wanted for wanted in slices):
            continue
        loading.read += 1
        read = _convert(record, file.name, answer, loading)
        if read is None:
            continue
        conversation, shape = read
        shapes[shape] += 1
        index = table.add(
            conversation, shape, position=position, number=record.number, line=record.line, part=part, source=source
        )  # fmt: skip
        loading.doctor.look(index, conversation.question, conversation.answer)
    loading.repaired.update(info.repaired)
    names = ", ".join(name for name, _ in shapes.most_common()) or "none"
    loading.files.append(FileInfo(file.name, info.sha256, count, names, info.kind, dict(shapes)))


def _convert(record: Record, name: str, answer: bool, loading: Loading) -> tuple[Conversation, str] | None:
    try:
        if record.fault:
            raise record.fault
        conversation, shape, converted = convert(
            record.value, loading.config.format, loading.config.fields, answer=answer
        )
    except BadRow as bad:
        start, length = loading.table.spool.put_json(record.value)
        row = partial(loading.table.spool.get_json, start, length)
        place = f"{name}:{record.line or '#' + str(record.number)}"
        loading.dropped.append(Dropped(name, place, bad.reason, bad.detail, row, record.unread))
        return None
    loading.used_keys |= converted.used
    if converted.repairs:
        loading.repaired.update(converted.repairs)
    loading.unused_keys.update(converted.unused)
    value = record.value[0] if isinstance(record.value, list) else record.value
    if len(value) > len(converted.used & value.keys()):
        loading.unused_keys.update(printable(key) for key in value if key not in converted.used)
    return conversation, shape


def refuse_bad_rows(dropped: Sequence[Dropped], next_step: Words, shown: int = 20) -> None:
    """Raise DataError that names every bad row (the first `shown`, and how many more) and the next step."""
    problems = [
        Problem(say("{reason}: {detail}", reason=d.reason, detail=d.detail), d.place) for d in dropped[:shown]
    ]
    if not problems:
        return
    if len(dropped) > shown:
        problems.append(Problem(say("{n} more bad rows", n=len(dropped) - shown)))
    last = problems[-1]
    problems[-1] = Problem(last.what, last.where, next=next_step)
    raise DataError(*problems)
