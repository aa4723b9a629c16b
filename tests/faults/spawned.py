"""A command line in, a new interpreter that runs it out: with its start-up, as a user has it; else as `Forked`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from faults.forked import wait_until

PATIENCE_SECONDS = 3600.0  # a model of the user's own may be large


@dataclass
class Spawned:
    """`python -m loralab WORDS`; its words go to the end of `log`."""

    words: tuple[str | Path, ...]
    log: Path
    process: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "loralab", *map(str, self.words)], stdout=log, stderr=log
            )

    @property
    def code(self) -> int | None:
        """How it ended, negative for a signal; None while it runs."""
        return self.process.poll()

    def has_ended(self) -> bool:
        """Whether the process is gone."""
        return self.code is not None

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()

    def send(self, number: int) -> None:
        """A signal, unless it is gone already."""
        self.process.send_signal(number)

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Return once a condition holds or the process has ended; one that hangs is killed and fails."""
        wait_until(self, condition, PATIENCE_SECONDS)

    def wait(self) -> int:
        """The exit code."""
        self.wait_until(lambda: False)
        assert self.code is not None
        return self.code
