"""A planned run and the size of its adapter in, the bytes that it will write out, against those that are free."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from loralab.config.schema import Config
from loralab.errors import Problem, ResourceError
from loralab.train.order import StepOrder
from loralab.words import Words, say

NUMBER_BYTES = 4  # adapter and optimizer state are float32
SMALL_FILES_BYTES = 32 << 10  # configs, names of tensors, hashes: of a checkpoint
ROW_BYTES, TOKEN_BYTES = 2_000, 4  # of a question with its reference and scores, and of a token of its answer
STEP_BYTES = 400  # of a step event
MIB = 1 << 20


@dataclass(frozen=True)
class DiskNeed:
    """What a run will write from here on: so many checkpoints, the chosen adapter, answers, scores and events."""

    checkpoint_bytes: int
    num_checkpoints: int
    adapter_bytes: int
    record_bytes: int

    @property
    def total_bytes(self) -> int:
        """All of it together, as it lies there in the end."""
        return self.checkpoint_bytes * self.num_checkpoints + self.adapter_bytes + self.record_bytes


def disk_need(
    config: Config, order: StepOrder, adapter_numbers: int, num_questions: int, done_step: int = 0
) -> DiskNeed:
    """The need of a run after `done_step`; answers are taken to be as long as they may be."""
    adapter = adapter_numbers * NUMBER_BYTES + SMALL_FILES_BYTES
    stages = 2 + len([s for s in range(done_step + 1, order.total_steps + 1) if order.ends_epoch(s)])
    answer = ROW_BYTES + config.evaluate.max_new_tokens * TOKEN_BYTES
    answers = 2 * num_questions * stages * answer  # in the events and in predictions/
    return DiskNeed(
        checkpoint_bytes=adapter + 2 * adapter_numbers * NUMBER_BYTES,
        num_checkpoints=_num_checkpoints(config, order, done_step),
        adapter_bytes=adapter,
        record_bytes=answers + (order.total_steps - done_step) * STEP_BYTES,
    )


def _num_checkpoints(config: Config, order: StepOrder, done_step: int) -> int:
    """The most that there can be at once; with `keep_checkpoints` the chosen one and the one being written come on top."""
    every, compared = config.train.save_every_steps, config.evaluate.heldout_every_steps
    due = [
        step
        for step in range(done_step + 1, order.total_steps + 1)
        if step % every == 0
        or order.ends_epoch(step)
        or step == order.total_steps
        or (compared is not None and step % compared == 0 and config.evaluate.best_by != "last")
    ]
    keep = config.train.keep_checkpoints
    return len(due) if keep is None else min(len(due), keep + 2)


def free_disk_bytes(folder: Path) -> int:
    """What may still be written where a folder lies."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def warning_of(need: DiskNeed, free_bytes: int, folder: Path) -> Words | None:
    """What to say if the disk may not suffice; raises ResourceError if not even one checkpoint fits."""
    if need.num_checkpoints and need.checkpoint_bytes > free_bytes:
        raise ResourceError(
            Problem(
                say("not even one checkpoint fits: it takes {need:.1f} MiB, {free:.1f} MiB of disk are free",
                    need=need.checkpoint_bytes / MIB, free=free_bytes / MIB),
                str(folder),
                next=say("free some space, then: loralab resume {path}", path=folder),
            )
        )  # fmt: skip
    if need.total_bytes <= free_bytes:
        return None
    return say(
        "the disk may not suffice: this run may write {need:.1f} MiB ({n} checkpoints of {each:.1f} MiB), {free:.1f} MiB"
        " are free; what needs less: train.keep_checkpoints, a larger train.save_every_steps, a smaller lora.rank",
        need=need.total_bytes / MIB, n=need.num_checkpoints, each=need.checkpoint_bytes / MIB, free=free_bytes / MIB,
    )  # fmt: skip
