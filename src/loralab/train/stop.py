"""A request to stop, from signals or a program, as the training loop sees it."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from dataclasses import dataclass

from loralab.errors import Interrupted


@dataclass
class StopRequest:
    """Set from a signal handler; read by the loop.

    SIGINT lets the step finish; a second one, and SIGTERM, end at the next micro-batch or generated token.
    """

    signal_number: int = 0
    at_once: bool = False
    is_anywhere: bool = False  # a signal handler may end, by raising Interrupted, what is going on

    def ask(self, signal_number: int) -> None:
        """Note a signal; the first one counts, but SIGTERM overrides SIGINT."""
        self.at_once = bool(self.signal_number) or signal_number == signal.SIGTERM
        if not self.signal_number or signal_number == signal.SIGTERM:
            self.signal_number = signal_number

    def in_step(self) -> None:
        """Called between micro-batches: raises Interrupted if the step is not to be finished."""
        if self.at_once:
            raise Interrupted(self.signal_number)

    def between_steps(self) -> None:
        """Called after each step and for each generated token: raises Interrupted for any signal."""
        if self.signal_number:
            raise Interrupted(self.signal_number)

    @contextlib.contextmanager
    def anywhere(self) -> Iterator[None]:
        """A block that leaves nothing half done, as reading and importing: a signal that comes ends it wherever it is.

        Raises Interrupted, also in place of what others made of that exception. A request from before waits on.
        """
        before, self.is_anywhere = self.signal_number, True
        try:
            yield
        except Exception as error:
            if self.signal_number != before and not isinstance(error, Interrupted):
                raise Interrupted(self.signal_number) from error
            raise
        finally:
            self.is_anywhere = False
        if self.signal_number != before:  # a library swallowed it
            raise Interrupted(self.signal_number)
