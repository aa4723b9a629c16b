"""An error in one process of a run in, a note that rank 0 reads out; and there the error that ends the run."""

from __future__ import annotations

import traceback

from loralab.errors import EXIT_FAILED, EXIT_RESOURCE, LoralabError, Problem, ResourceError, RunFailed
from loralab.train.ranks.channel import Message
from loralab.words import say


def note_of(error: BaseException, rank: int) -> Message:
    """What rank 0 needs to know."""
    own = isinstance(error, LoralabError)
    return {
        "rank": rank,
        "error": str(error) if own else f"{type(error).__name__}: {error}",
        "exit_code": error.exit_code if isinstance(error, LoralabError) else EXIT_FAILED,
        "trace": "".join(traceback.format_exception(error)),
    }


def error_of(note: Message, log: str) -> LoralabError:
    """The error that rank 0 raises in its place: with the same exit code where that is memory, and the other's trace."""
    problem = Problem(say("process {rank} failed: {error}", rank=note["rank"], error=note["error"]))
    found: LoralabError = (
        ResourceError(problem) if note["exit_code"] == EXIT_RESOURCE else RunFailed(problem, log)
    )
    found.add_note(str(note["trace"]))
    return found
