"""What a config calls its data in, files on disk out: paths, folders, glob patterns, files of hub repositories."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from loralab.config.schema import DataConfig, DataSource, Slice
from loralab.errors import Problem, UsageError
from loralab.hub.base import Progress
from loralab.hub.data import fetch_data, is_remote
from loralab.words import Words, say

Choice = str | int | Slice | None
# of a folder; files under other names are not read, and said
DATA_SUFFIXES = (".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".parquet", ".arrow", ".feather", ".gz")


@dataclass(frozen=True)
class SourceFile:
    """A data file: where it lies, and what it is called in reports: its path, or its address with the commit."""

    path: Path
    name: str


def expand(paths: Sequence[str], key: str = "data.train") -> list[SourceFile]:
    """Files named by paths, glob patterns, folders and hub addresses, in order; `key` is where they are named.

    Raises UsageError for one that matches nothing, and as `fetch_data` for hubs.
    """
    result: list[SourceFile] = []
    for text in paths:
        if is_remote(text):
            result += [SourceFile(file.path, file.url) for file in fetch_data(text)]
            continue
        try:
            found = _found(Path(text))
        except (OSError, ValueError) as error:
            raise UsageError(Problem(say("cannot be read: {reason}", reason=error), text)) from None
        if not found:
            empty = Path(text).is_dir()
            raise UsageError(
                Problem(
                    say("the folder holds no data file") if empty else say("no such data file"),
                    text,
                    next=say("check {key}, or give the path with {key}=PATH", key=key),
                )
            )
        result += [SourceFile(path, str(path)) for path in found]
    return result


def pinned(config: DataConfig, progress: Progress | None = None) -> tuple[DataConfig, list[Words]]:
    """The config with files of hubs named one by one with their commits, so that it reads the same again.

    Beside it what the reader should know, such as that an earlier download is used. Raises UsageError if
    data.test or data.probes names several files of a hub, and as `fetch_data`.
    """
    notes: list[Words] = []

    def urls(path: str) -> list[str]:
        if not is_remote(path):
            return [path]
        found = fetch_data(path, progress)
        notes.extend(file.note for file in found if file.note)
        return [file.url for file in found]

    def one(choice: Choice) -> Choice:
        if not isinstance(choice, str):
            return choice
        found = urls(choice)
        if len(found) > 1:
            what = say("names {n} files; test rows and probes come from one", n=len(found))
            raise UsageError(Problem(what, choice, next=say("name one file: {path}", path=found[0])))
        return found[0]

    train: list[str | DataSource] = []
    for item in config.train:
        if isinstance(item, str):
            train += urls(item)
        else:
            train += [replace(item, path=url) for url in urls(item.path)]
    return replace(config, train=tuple(train), test=one(config.test), probes=one(config.probes)), notes


def local_path(name: str) -> Path:
    """Where the file lies that a report calls `name`: a path, or a pinned hub address."""
    return fetch_data(name)[0].path if is_remote(name) else Path(name)


def passed_over(paths: Sequence[str]) -> list[Path]:
    """What stands in the folders among `paths` and is no data file by its name: other files, further folders."""
    folders = [Path(text) for text in paths if not is_remote(text) and Path(text).is_dir()]
    return [p for folder in folders for p in sorted(folder.iterdir()) if not _is_data(p)]


def _found(path: Path) -> list[Path]:
    if path.is_dir():
        entries = sorted(path.iterdir())
        gone = next((p for p in entries if _named_as_data(p) and p.is_symlink() and not p.exists()), None)
        if gone:
            raise UsageError(Problem(say("is a link to a file that is not there"), str(gone)))
        return [p for p in entries if _is_data(p)]
    if path.exists():  # a pipe or a device is refused by the reader, in words
        return [path]
    return sorted(p for p in _matches(path) if p.is_file())


def _named_as_data(path: Path) -> bool:
    return path.suffix.lower() in DATA_SUFFIXES and not path.name.startswith(".")


def _is_data(path: Path) -> bool:
    return _named_as_data(path) and path.is_file()


def _matches(pattern: Path) -> Iterator[Path]:
    """What an absolute or relative glob pattern matches; `**` is any depth of folders."""
    base = Path(pattern.anchor or ".")
    return base.glob(str(pattern.relative_to(pattern.anchor) if pattern.anchor else pattern))
