"""A text of the record in, the same without the folders of the machine that wrote it out: what others may read."""

from __future__ import annotations

import re
from pathlib import PurePosixPath, PureWindowsPath

HUBS = ("hf://", "modelscope://")
END = r"""[^\s'"`<>|,;]*[^\s'"`<>|,;.:)\]}]"""
# A path in quotes may hold spaces; one without them ends at the first. What follows a letter or another slash is
# no path of this machine (read/kept, https://host/page, hf://owner/name), nor is 和/或.
QUOTED = re.compile(r"""(?P<quote>['"`])(?:file://)?(?:/|[A-Za-z]:[\\/]|\\\\|~[\\/])[^'"`\n]*(?P=quote)""")
POSIX = re.compile(r"(?:file://|(?<![A-Za-z0-9_.~/])~?)/(?=[A-Za-z0-9._-])" + END, re.ASCII)
WINDOWS = re.compile(r"(?:(?<![A-Za-z])[A-Za-z]:\\|\\\\)" + END)


def file_name(path: str) -> str:
    """The last part of a path; an address on a hub stays whole, with its commit."""
    if path.startswith(HUBS):
        return path
    name = PureWindowsPath(path).name if "\\" in path else PurePosixPath(path).name
    return name or path


def without_folders(text: str) -> str:
    """A sentence in which every absolute path is cut to its last part."""
    shown = QUOTED.sub(lambda match: f"{match['quote']}{_last(match[0][1:-1])}{match['quote']}", text)
    return POSIX.sub(lambda match: _last(match[0]), WINDOWS.sub(lambda match: _last(match[0]), shown))


def value_without_folders(text: str) -> str:
    """A value of the config, or a list of them, with files and folders by their names; names may hold spaces."""
    parts = text.split(", ")
    return ", ".join(file_name(p) if p.startswith(("/", "~")) else without_folders(p) for p in parts)


def _last(path: str) -> str:
    return re.split(r"[\\/]", path.rstrip("\\/"))[-1] or "/"
