"""Everything that can end a command, from its cause to its exit code.

    LoralabError
    ├── UserError            what the reader can mend; one or more `Problem`s
    │   ├── UsageError       2   command line, config, model folder, a path that does not exist
    │   ├── DataError        3   rows that cannot be trained on
    │   ├── ResourceError    4   memory, disk, device
    │   └── ComparisonRefused 5  runs that do not measure the same thing
    ├── RunFailed            1   the run ended itself (diverged) or we have a bug; the log is named
    │   └── RankLost         1   another of the processes that share the run is gone; it can be resumed
    └── Interrupted        130/143   Ctrl-C or SIGTERM; the run can be resumed

Our own invariants are `assert`s, not errors.
"""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass

from loralab.safe_text import one_line
from loralab.words import Words, say

EXIT_FAILED, EXIT_USAGE, EXIT_DATA, EXIT_RESOURCE, EXIT_REFUSED = 1, 2, 3, 4, 5


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: what, where (`file:line` or a path), why it matters, the next command.

    Paths in the next command (`Path` values) are quoted for a shell.
    """

    what: Words
    where: str = ""
    why: Words | None = None
    next: Words | None = None

    def text(self, language: str = "en") -> str:
        """The problem as the reader sees it: up to three lines."""
        what = self.what.text(language)
        lines = [f"{one_line(self.where)}: {what}" if self.where else what]
        lines += [self.why.text(language)] if self.why else []
        lines += [say("next: {command}", command=self.next.as_command()).text(language)] if self.next else []
        return "\n  ".join(lines)


class LoralabError(Exception):
    """Any error that loralab raises on purpose."""

    exit_code = EXIT_FAILED


class UserError(LoralabError):
    """Something the user can mend. Holds every problem found, not only the first."""

    exit_code = EXIT_USAGE

    def __init__(self, *problems: Problem) -> None:
        assert problems
        self.problems: Sequence[Problem] = problems
        super().__init__("\n".join(p.text() for p in problems))

    def text(self, language: str = "en") -> str:
        """All problems, in the reader's language."""
        return "\n".join(p.text(language) for p in self.problems)


class UsageError(UserError):
    """The command line, the config, the model folder or a path is wrong (exit code 2)."""


class DataError(UserError):
    """The data cannot be trained on as they are (exit code 3)."""

    exit_code = EXIT_DATA


class ResourceError(UserError):
    """Memory, disk or device do not suffice (exit code 4)."""

    exit_code = EXIT_RESOURCE


class ComparisonRefused(UserError):
    """Runs were asked other questions, or in another way: side by side they would mislead (exit code 5)."""

    exit_code = EXIT_REFUSED


class RunFailed(LoralabError):
    """A run ended without a result (exit code 1); `problem` says why, `log` where the details are."""

    exit_code = EXIT_FAILED

    def __init__(self, problem: Problem, log: str = "") -> None:
        self.problem, self.log = problem, log
        super().__init__(problem.text())


class RankLost(RunFailed):
    """Another of the processes that share a run is gone (exit code 1); its last finished step is saved."""


class Interrupted(LoralabError):
    """A signal ended the run after its last finished step was saved (exit code 128 + signal)."""

    def __init__(self, signal_number: int, run: str = "") -> None:
        self.signal_number, self.run = signal_number, run
        self.exit_code = 128 + signal_number
        super().__init__(f"stopped by {signal.Signals(signal_number).name}")
