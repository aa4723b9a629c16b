"""A command in, the same command out, asked by SIGTERM to save itself when the process that started it is gone.

Run as a file: `python -I tied.py PARENT_PID COMMAND...`. An engine that loses a worker gives its cores and its GPU to
the next task at once: a trainer that outlived its worker would share them with it. Where the system is not Linux,
nothing is asked. It imports nothing of loralab, which takes a second.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2); kept across exec


def tie(parent: int, command: Sequence[str]) -> None:
    """Become the command; end as it would, before it has begun, if the parent is gone already."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)
    os.execv(command[0], list(command))


if __name__ == "__main__":
    tie(int(sys.argv[1]), sys.argv[2:])
