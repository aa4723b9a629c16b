"""`model.shard`, a memory plan and the processes of a run in, whether the base lies whole in each or split over them out.

The losses are the same either way. The choice is said, and written into the manifest; a run that goes on with as many
processes as it began with keeps it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from loralab.config.schema import Config
from loralab.errors import Problem, UsageError
from loralab.model.memory_plan import lies_whole, plan_memory, whole_bytes
from loralab.run.files import write_json
from loralab.run.view import Run
from loralab.train.memory_need import GIB, MemoryNeed
from loralab.train.ranks.base import Ranks
from loralab.train.ranks.change import began_with
from loralab.train.session import Session
from loralab.words import Words, say

WORTH = 0.9  # of what a process needs with the whole base: if it still needs more when that is split, it stays whole


@dataclass(frozen=True)
class Sharding:
    """Over how many processes the base is split, 1 for a base that lies whole in each; and why."""

    over: int
    reason: Words

    @property
    def is_split(self) -> bool:
        """Whether a process holds a part only."""
        return self.over > 1

    @property
    def facts(self) -> dict[str, Any]:
        """What manifest.json says of it."""
        return {"mode": "fsdp" if self.is_split else "none", "over": self.over, "reason": str(self.reason)}

    @property
    def words(self) -> Words:
        """What is said of it."""
        if self.is_split:
            return say("the base is split over {n} processes: {reason}", n=self.over, reason=self.reason)
        return say("each process holds the whole base: {reason}", reason=self.reason)


def refuse_unsplittable(config: Config, processes: int, run: Run | None = None) -> None:
    """Raise UsageError if `model.shard` is fsdp and there is one process, or the weights have 4 bits.

    `run` is the one that goes on, if one does.
    """
    if config.model.shard != "fsdp":
        return
    if processes == 1:
        raise UsageError(
            Problem(
                say("model.shard is fsdp, which splits the base over the processes of a run, and this run has one"),
                next=say("loralab resume {path} --devices N", path=run.folder.path)
                if run
                else say("add --devices N, or set model.shard=auto"),
            )
        )  # fmt: skip
    if config.model.dtype == "nf4":
        raise UsageError(
            Problem(
                say("model.shard is fsdp and model.dtype is nf4: weights of 4 bits are not split"),
                next=say("set model.shard=none, or model.dtype=auto"),
            )
        )


def settle_sharding(session: Session, config: Config, need: MemoryNeed | Words, ranks: Ranks) -> Sharding:
    """The choice of a run, said where there are several processes, and in the manifest if that has none yet."""
    run = Run(session.folder)
    found = choose_sharding(run, config, need, ranks.world)
    if "shard" not in run.manifest:
        write_json(run.folder.manifest, run.manifest | {"shard": found.facts})
    if ranks.world > 1:
        session.emit("note", code="shard", **found.words.to_dict())
    return found


def choose_sharding(run: Run, config: Config, need: MemoryNeed | Words, processes: int) -> Sharding:
    """As `model.shard` says; under auto as the run began, else by the memory that one of several processes has."""
    if processes == 1:
        return Sharding(1, say("the run has one process"))
    if config.model.shard != "auto":
        over = processes if config.model.shard == "fsdp" else 1
        return Sharding(over, say("model.shard is {value}", value=config.model.shard))
    began = run.manifest.get("shard", {}).get("mode")
    if began and began_with(run) == processes:
        return Sharding(processes if began == "fsdp" else 1, say("the run began so"))
    if config.model.dtype == "nf4":
        return Sharding(1, say("weights of 4 bits are not split"))
    return _by_memory(need, processes)


def _by_memory(need: MemoryNeed | Words, processes: int) -> Sharding:
    if isinstance(need, Words):
        return Sharding(1, need)
    if need.free_bytes is None:
        return Sharding(1, say("how much memory is free is not known here"))
    whole = whole_bytes(need.shape, need.demand)
    values = {"need": whole / GIB, "free": need.free_bytes / GIB}
    if lies_whole(need.shape, need.demand, need.free_bytes):
        words = say("a process with it needs {need:.2f} GiB, which is less than 90 % of the {free:.2f} GiB that are free",
                    **values)  # fmt: skip
        return Sharding(1, words)
    now = plan_memory(need.shape, replace(need.demand, copies=0)).total_bytes
    split = plan_memory(need.shape, replace(need.demand, copies=0, shards=processes)).total_bytes
    if split > WORTH * now:
        words = say("a process with it needs {need:.2f} GiB of the {free:.2f} GiB that are free, and splitting it would"
                    " free little", **values)  # fmt: skip
        return Sharding(1, words)
    words = say("a process with the whole base would need {need:.2f} GiB, which is not less than 90 % of the {free:.2f} GiB"
                " that are free", **values)  # fmt: skip
    return Sharding(processes, words)
