"""Signals in, requests to stop out: once to finish the step, twice to leave it, three times to stop wherever it is.

While a run is being prepared there is no step, and one ends it.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

from loralab.cli.console import Console
from loralab.errors import Interrupted
from loralab.train.stop import StopRequest
from loralab.words import say


@contextlib.contextmanager
def listening(console: Console) -> Iterator[StopRequest]:
    """A StopRequest that Ctrl-C and SIGTERM set while the block runs."""
    stop = StopRequest()

    def handle(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and stop.at_once:
            raise KeyboardInterrupt
        first = not stop.signal_number
        stop.ask(number)
        if stop.is_anywhere:
            raise Interrupted(stop.signal_number)
        if number == signal.SIGINT and first:
            console.say(say("stopping after this step; Ctrl-C again stops now"))

    old = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
