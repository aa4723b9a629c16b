"""A run that was broken off in, the checkpoint from which it comes to the same end out."""

from __future__ import annotations

from collections.abc import Callable

from loralab.run.view import Run
from loralab.train.checkpoint import Checkpoint, find_checkpoints, read_checkpoint
from loralab.train.choice import LOSS, METRICS, best_step
from loralab.train.job import Job
from loralab.train.recorded import recorded_values
from loralab.words import Words, say

Warn = Callable[[str, Words], None]


def find_start(run: Run, job: Job, warn: Warn) -> Checkpoint | None:
    """The newest whole checkpoint, or an older one if the best step so far has to be made again; None: from step 0.

    `warn(code, words)` is told of each that is passed over. The best step may be the one that is chosen in the end:
    if its checkpoint is damaged, a run that went on from a later one could not end as it would have.
    """
    for found in find_checkpoints(run.folder):
        if not isinstance(found, Checkpoint):
            path, reason = found
            words = say("{name} is damaged and passed over: {reason}", name=path.name, reason=reason)
            warn("damaged_checkpoint", words)
            continue
        best = _best(run, job, found.step)
        if best is None or _is_whole(run, best):
            return found
        words = say(
            "{name} is passed over: the best step so far is {best}, of which there is no whole checkpoint;"
            " it is trained again",
            name=found.path.name, best=best,
        )  # fmt: skip
        warn("best_checkpoint_missing", words)
    return None


def _best(run: Run, job: Job, until: int) -> int | None:
    """The step that would be chosen, going by what was measured up to a step; None where nothing is compared."""
    best_by = job.config.evaluate.best_by
    if best_by == "last":
        return None
    metric = METRICS.get(best_by, LOSS)
    return best_step(recorded_values(run, metric, job.order, until), metric)


def _is_whole(run: Run, step: int) -> bool:
    return isinstance(read_checkpoint(run.folder.checkpoint(step)), Checkpoint)
