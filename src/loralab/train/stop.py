"""A request to stop, from signals or a program, as the training loop sees it."""

from __future__ import annotations

import signal
from dataclasses import dataclass

from loralab.errors import Interrupted


@dataclass
class StopRequest:
    """Set from a signal handler; read by the loop.

    SIGINT lets the step finish; a second one, and SIGTERM, end at the next micro-batch or generated token.
    """

    signal_number: int = 0
    at_once: bool = False

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
