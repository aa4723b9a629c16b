"""Data files in, rows with ids out; every row that cannot be used is returned beside them with its reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from loralab.config.schema import DataConfig, Slice
from loralab.data.conversation import Dropped, Row, content_id, number_copies
from loralab.data.formats import FORMATS, convert
from loralab.data.reasons import BadRow
from loralab.data.records import OTHER_SUFFIXES, Record, read_records
from loralab.data.report import FileInfo
from loralab.data.text import printable
from loralab.errors import DataError, Problem, UsageError
from loralab.run.files import sha256
from loralab.words import Words, say

DATA_SUFFIXES = (".json", ".jsonl", ".gz", *OTHER_SUFFIXES)  # of a folder; the others are refused when read


@dataclass
class Loaded:
    """What the files hold: usable rows, dropped rows, repairs, unused keys, and the number of records looked at.

    `passed_over` is what stands beside the data files in a folder and is not read.
    """

    rows: list[Row] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)
    repaired: Counter[str] = field(default_factory=Counter)
    unused_keys: Counter[str] = field(default_factory=Counter)
    files: list[FileInfo] = field(default_factory=list)
    passed_over: list[Path] = field(default_factory=list)
    read: int = 0
    records: int = 0

    def merge(self, other: Loaded) -> None:
        """Add what other files hold; positions are left alone."""
        self.rows += other.rows
        self.dropped += other.dropped
        self.repaired += other.repaired
        self.unused_keys += other.unused_keys
        self.files += other.files
        self.passed_over += other.passed_over
        self.read += other.read


def load_rows(paths: Sequence[str], config: DataConfig, slices: Sequence[Slice] | None = None) -> Loaded:
    """The rows of all files in order; with `slices` only records at those positions are looked at.

    Raises UsageError for a path that does not exist, DataError for a file that cannot be read at all.
    """
    _check_format(config)
    loaded = Loaded()
    for path in expand(paths):
        _load_file(path, config, slices, loaded)
    loaded.rows = number_copies(loaded.rows)
    loaded.passed_over = passed_over(paths)
    return loaded


def expand(paths: Sequence[str]) -> list[Path]:
    """Files named by paths, glob patterns and folders; raises UsageError for one that matches nothing."""
    result: list[Path] = []
    for text in paths:
        try:
            found = _found(Path(text))
        except (OSError, ValueError) as error:
            raise UsageError(Problem(say("cannot be read: {reason}", reason=error), text)) from None
        if not found:
            raise UsageError(
                Problem(
                    say("no such data file"),
                    text,
                    next=say("check data.train, or give the path with data.train=PATH"),
                )
            )
        result += found
    return result


def _found(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if path.is_dir():
        return sorted(p for p in path.iterdir() if _is_data(p))
    return sorted(p for p in _matches(path) if p.is_file())


def passed_over(paths: Sequence[str]) -> list[Path]:
    """What stands in the folders among `paths` and is no data file by its name: other files, further folders."""
    folders = [Path(text) for text in paths if Path(text).is_dir()]
    return [p for folder in folders for p in sorted(folder.iterdir()) if not _is_data(p)]


def _is_data(path: Path) -> bool:
    return path.suffix.lower() in DATA_SUFFIXES and path.is_file()


def _matches(pattern: Path) -> Iterator[Path]:
    """What an absolute or relative glob pattern matches; `**` is any depth of folders."""
    base = Path(pattern.anchor or ".")
    return base.glob(str(pattern.relative_to(pattern.anchor) if pattern.anchor else pattern))


def _check_format(config: DataConfig) -> None:
    if config.format != "auto" and config.format not in FORMATS:
        known = ", ".join(["auto", *FORMATS])
        raise UsageError(
            Problem(say("data.format is {name!r}, must be one of: {known}", name=config.format, known=known))
        )


def _load_file(path: Path, config: DataConfig, slices: Sequence[Slice] | None, loaded: Loaded) -> None:
    try:
        file, records = read_records(path, config.encoding)
    except LookupError:
        raise UsageError(
            Problem(say("data.encoding is {name!r}, which is no encoding", name=config.encoding))
        ) from None
    shapes: Counter[str] = Counter()
    first = loaded.records
    for record in _selected(records, slices, loaded):
        loaded.read += 1
        row = _row(record, str(path), loaded.records - 1, config, loaded)
        if row:
            loaded.rows.append(row)
            shapes[row.format] += 1
    for repair in file.repaired:
        loaded.repaired[repair] += 1
    count = loaded.records - first
    loaded.files.append(FileInfo(str(path), sha256(path), count, ", ".join(shapes) or "none"))


def _selected(records: Iterator[Record], slices: Sequence[Slice] | None, loaded: Loaded) -> Iterator[Record]:
    """The records to look at; every record counts as a position."""
    for record in records:
        loaded.records += 1
        if slices is None or any(loaded.records - 1 in part for part in slices):
            yield record


def _row(record: Record, path: str, position: int, config: DataConfig, loaded: Loaded) -> Row | None:
    try:
        if record.fault:
            raise record.fault
        conversation, shape, converted = convert(record.value, config.format, config.fields)
    except BadRow as bad:
        loaded.dropped.append(Dropped(path, record.place, bad.reason, bad.detail, record.value))
        return None
    loaded.repaired.update(converted.repairs)
    value = record.value[0] if isinstance(record.value, list) else record.value
    loaded.unused_keys.update(printable(key) for key in value if key not in converted.used)
    return Row(content_id(conversation), conversation, path, record.place, position, shape)


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
