"""An error of a run whose folder cannot be written in, the same with the command that carries the run on out."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import replace

from loralab.errors import Problem, ResourceError
from loralab.run.files import FULL
from loralab.run.folder import RunFolder
from loralab.words import say


@contextlib.contextmanager
def telling_how_to_go_on(run: RunFolder) -> Iterator[None]:
    """Within a run, a full or unwritable disk names `loralab resume RUN` as the next command."""
    try:
        yield
    except ResourceError as error:
        cause = error.__cause__
        if not isinstance(cause, OSError):
            raise
        next_ = (
            say("free some space, then: loralab resume {path}", path=run.path)
            if cause.errno in FULL
            else say("make the folder writable, then: loralab resume {path}", path=run.path)
        )
        why = say("what the run has recorded up to here is whole; it goes on from its last checkpoint")
        raise ResourceError(*(replace(p, why=why, next=next_) for p in error.problems)) from cause


def refuse_unwritable(run: RunFolder) -> None:
    """Raise ResourceError before any work is done if the folder cannot be written; a copy of it can go on elsewhere."""
    if os.access(run.path, os.W_OK | os.X_OK):
        return
    raise ResourceError(
        Problem(
            say("this run folder cannot be written"),
            str(run.path),
            next=say(
                "make it writable, or copy it to another place and resume the copy: loralab resume COPY"
            ),
        )
    )
