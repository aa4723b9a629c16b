"""A task's name in, the task out."""

from __future__ import annotations

import difflib

from loralab.errors import Problem, UsageError
from loralab.evaluate.citation.task import CITATION
from loralab.evaluate.general.task import GENERAL
from loralab.evaluate.tasks.base import Task
from loralab.evaluate.tasks.choice import CHOICE
from loralab.evaluate.tasks.disc import DISC
from loralab.evaluate.tasks.lawbench import LAWBENCH
from loralab.evaluate.tasks.lexeval import LEXEVAL
from loralab.evaluate.tasks.reference import REFERENCE
from loralab.words import say

TASKS: dict[str, Task] = {
    **LAWBENCH, **DISC, **LEXEVAL, CITATION.name: CITATION, CHOICE.name: CHOICE, **REFERENCE,
    GENERAL.name: GENERAL,
}  # fmt: skip


def find_task(name: str) -> Task:
    """The task of a name. Raises UsageError with the nearest names, or all, if there is none."""
    if name in TASKS:
        return TASKS[name]
    near = difflib.get_close_matches(name, TASKS, n=3) or list(TASKS)
    raise UsageError(
        Problem(
            say("there is no task {name!r}", name=name),
            next=say("use one of: {names}", names=", ".join(near)),
        )
    )
