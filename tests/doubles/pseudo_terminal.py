"""A terminal that keeps all that is written to it."""

from __future__ import annotations

import contextlib
import os
import pty
import threading
from collections.abc import Iterator
from typing import TextIO


class Screen:
    """What was written to a terminal."""

    text = ""


@contextlib.contextmanager
def pseudo_terminal() -> Iterator[tuple[TextIO, Screen]]:
    """A stream that is a terminal; the screen has its text once the block is left."""
    ours, theirs = pty.openpty()
    seen: list[bytes] = []
    screen = Screen()

    def read() -> None:
        while True:
            try:
                data = os.read(ours, 4096)
            except OSError:  # the other end is closed
                return
            if not data:
                return
            seen.append(data)

    reader = threading.Thread(target=read)
    reader.start()
    with os.fdopen(theirs, "w", encoding="utf-8") as stream:
        yield stream, screen
    reader.join()
    os.close(ours)
    screen.text = b"".join(seen).decode("utf-8")
