"""A run folder in, the list of its files and the way to one of them out; nothing outside of the folder is reached."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

READ_AS_TEXT = frozenset({".json", ".jsonl", ".yaml", ".txt", ".md", ".log", ".csv"})


@dataclass(frozen=True)
class FileEntry:
    """A file by its path in the folder, with its size."""

    path: str
    num_bytes: int

    @property
    def is_text(self) -> bool:
        """Whether a browser shows it as text; others are downloaded."""
        return Path(self.path).suffix in READ_AS_TEXT


def list_files(folder: Path) -> list[FileEntry]:
    """The files below a folder, by path. Links are left out: they may lead anywhere."""
    found = []
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not Path(parent, name).is_symlink())
        for name in names:
            path = Path(parent, name)
            if not path.is_symlink() and path.is_file():
                found.append(FileEntry(str(path.relative_to(folder)), path.stat().st_size))
    return sorted(found, key=lambda entry: entry.path)


def find_file(folder: Path, path: str) -> Path | None:
    """The file at a path in the folder; None if there is none, or only behind a link or outside of the folder."""
    whole = folder.resolve()
    file = whole / path
    inside = file.resolve() == file and file.is_relative_to(whole)
    return file if inside and file.is_file() else None
