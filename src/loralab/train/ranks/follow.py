"""A group in, the work of every process but rank 0 out: its part of each step, until rank 0 says that the run is over."""

from __future__ import annotations

import functools
import os
import socket
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loralab.config import Config, load_config
from loralab.engine.base import Engine, StepLoss, TokenRow
from loralab.engine.plain import PlainEngine
from loralab.errors import RankLost
from loralab.model.adapter import trainable
from loralab.model.load import TunedModel, load_tuned, pick_device
from loralab.model.shard import base_bytes
from loralab.train.job import Job, plan_job
from loralab.train.memory import naming_the_knobs
from loralab.train.ranks.channel import Message
from loralab.train.ranks.digest import digest
from loralab.train.ranks.failure import note_of
from loralab.train.ranks.group import Dismissed, Group
from loralab.train.ranks.joint import joint_step
from loralab.train.ranks.passes import Passes
from loralab.train.ranks.state import make_room, share_state
from loralab.train.schedule import learning_rate
from loralab.train.smaller import compute, take_up
from loralab.train.update import gradient_norm, is_sound, make_optimizer, update


def follow(group: Group) -> None:
    """Take part in a run to its end, good or bad; rank 0 says what there is to say about it.

    Raises RankLost if rank 0 is gone, and what failed here if rank 0 could not be told.
    """
    try:
        _take_part(group)
    except Dismissed as end:
        _go(group, end)
    except RankLost:
        raise
    except Exception as error:  # seam: whatever fails here ends the run on rank 0, and stands in its record
        _go(group, _told(group, error))


def _take_part(group: Group) -> None:
    """Prepare, begin, and make steps as rank 0 says; ends by Dismissed."""
    passes = Passes(group)
    job, tuned = _prepare(group, passes, group.hear())
    share = _begin(group, passes, job, tuned, passes.hear(tuned.shard))
    while True:
        share.make(int(passes.hear(tuned.shard)["step"]))


def _told(group: Group, error: Exception) -> Dismissed:
    """Leave word of a failure, and wait until rank 0 has taken it up; if rank 0 is gone, the error is raised."""
    try:
        group.channel.put("failed", note_of(error, group.rank))
        group.wait(lambda: False, group.look)
    except Dismissed as end:
        return end
    except RankLost:
        raise error from None
    raise AssertionError("a wait without an end has ended")


def _go(group: Group, end: Dismissed) -> None:
    if end.well:
        group.leave()
    else:
        group.slip_away()


def _prepare(group: Group, passes: Passes, message: Message) -> tuple[Job, TunedModel]:
    """Read the data and the model of the config that rank 0 has resolved."""
    import torch

    torch.set_num_threads(int(message["threads"]))
    job = plan_job(config_of(message["config"]))
    sharing = passes if message["is_split"] else None
    tuned = load_tuned(job.located.folder, job.config, pick_device(), sharing)
    process = {
        "host": socket.gethostname(), "pid": os.getpid(), "base_bytes": base_bytes(tuned.model, tuned.shard),
    }  # fmt: skip
    group.note("ready", {"rows": digest(job), "process": process})
    return job, tuned


def config_of(text: str) -> Config:
    """The config that `to_yaml` wrote."""
    with tempfile.TemporaryDirectory(prefix="loralab-") as folder:
        path = Path(folder) / "config.yaml"
        path.write_text(text, "utf-8")
        return load_config(path)


def _begin(group: Group, passes: Passes, job: Job, tuned: TunedModel, message: Message) -> Share:
    engine = make_engine(group, job, tuned, message["engine"])
    optimizer = make_optimizer(tuned.model, job.config.train)
    make_room(tuned.model, optimizer, float(message["updates"]))
    share_state(group, tuned.model, optimizer)
    budgets = message["budgets"].get(str(group.rank), {})  # keys of JSON are text
    return Share(group, passes, job, tuned, engine, optimizer, {int(k): int(v) for k, v in budgets.items()})


def make_engine(group: Group, job: Job, tuned: TunedModel, described: Message) -> Engine:
    """The engine that rank 0 has, which rank 0 has checked; its look-out is whether the run is over."""
    if described["name"] == "fast":
        from loralab.engine.fast.engine import FastEngine, FastOptions

        return FastEngine(tuned, job.config, group.look, FastOptions(**described["options"]))
    return PlainEngine(tuned, job.config, job.pad_id, group.look)


@dataclass
class Share:
    """What this process needs for its part of every step; adapter and optimizer are those of rank 0, bit by bit."""

    group: Group
    passes: Passes
    job: Job
    tuned: TunedModel
    engine: Engine
    optimizer: Any
    budgets: dict[int, int]

    def make(self, step: int) -> None:
        """Compute this process's rows of a step, and update as all do; rank 0 refuses a step with bad numbers."""
        rows = self.job.prepared.token_rows(self.job.prepared.epoch)
        step_rows = [rows[i] for i in self.job.order.rows_of(step)]
        parameters = list(trainable(self.tuned.model).values())
        in_step = functools.partial(self.passes.in_step, self.tuned.shard)
        with naming_the_knobs(f"step {step}"):
            result = joint_step(
                self.group,
                parameters,
                self.engine,
                step_rows,
                functools.partial(self._compute, step),
                in_step,
            ).loss
        norm = gradient_norm(self.tuned.model)
        if is_sound(result, norm):
            train = self.job.config.train
            rate = learning_rate(step, self.job.order.total_steps, train)
            update(self.tuned.model, self.optimizer, norm, rate, train.max_grad_norm)

    def _compute(self, step: int, rows: Sequence[TokenRow]) -> StepLoss:
        """This process's rows; where memory runs out, with smaller micro-batches, which rank 0 sees and says."""
        take_up(self.engine, self.budgets, step)
        drop = functools.partial(self.optimizer.zero_grad, set_to_none=True)
        return compute(self.engine, rows, step, drop, lambda before, after: None)
