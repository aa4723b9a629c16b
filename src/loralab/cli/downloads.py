"""Bytes that arrive in, a line for every 5 % out."""

from __future__ import annotations

from loralab.cli.console import Console
from loralab.hub.base import Progress
from loralab.hub.files import size
from loralab.words import say


def progress_lines(console: Console) -> Progress:
    """A callback that says a line for every 5 %."""
    said = 0

    def progress(file: str, done_bytes: int, total_bytes: int) -> None:
        nonlocal said
        twentieth = 20 * done_bytes // total_bytes if total_bytes else 20
        if twentieth > said:
            said = twentieth
            percent, total = 5 * twentieth, size(total_bytes)
            console.say(say("{percent} % of {total}, {file}", percent=percent, total=total, file=file))

    return progress
