"""The environment of a process in, its place among the processes of one run out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from loralab.encode.parallel import usable_cores
from loralab.errors import Problem, UsageError
from loralab.words import say

RENDEZVOUS = ("MASTER_ADDR", "MASTER_PORT")


@dataclass(frozen=True)
class Place:
    """Which of how many processes this is, and where they meet.

    `has_agent`: torchrun started it, keeps the store that they meet in, and ends all when one fails.
    """

    rank: int
    world: int
    local_rank: int
    local_world: int
    address: str
    port: int
    has_agent: bool = False


def place_of(environment: Mapping[str, str], devices: int | None) -> Place | None:
    """The place that torchrun, Kubernetes or Slurm gave this process; None for a process of its own.

    `devices` is what the command line asks for. Raises UsageError for an environment that contradicts it or
    itself: two processes that do not know of each other would write two runs.
    """
    names = _from_torch(environment) or _from_slurm(environment)
    if names is None:
        return None
    world = _number(environment, names[1], 1)
    if devices is not None and devices != world:
        raise UsageError(
            Problem(
                say("--devices is {devices}, but {name} is {world}", devices=devices, name=names[1], world=world),
                next=say("where torchrun or the cluster starts the processes, leave --devices out"),
            )
        )  # fmt: skip
    if world == 1:
        return None
    return _place(environment, names, world)


def _place(environment: Mapping[str, str], names: tuple[str, str], world: int) -> Place:
    rank = _number(environment, names[0], 0)
    if rank >= world:
        raise _contradiction(f"{names[0]}={rank}, {names[1]}={world}")
    missing = [name for name in RENDEZVOUS if not environment.get(name)]
    if missing:
        raise UsageError(
            Problem(
                say("this is process {rank} of {world}, but {names} is not set", rank=rank, world=world,
                    names=", ".join(missing)),
                why=say("without it the processes cannot find each other, and each would make a run of its own"),
                next=say("start them with torchrun, or export MASTER_ADDR (the host of process 0) and MASTER_PORT"),
            )
        )  # fmt: skip
    _refuse_restarts(environment)
    return Place(
        rank, world, _local_rank(environment), _local_world(environment), environment["MASTER_ADDR"],
        _number(environment, "MASTER_PORT", 1), "TORCHELASTIC_RUN_ID" in environment,
    )  # fmt: skip


def _from_torch(environment: Mapping[str, str]) -> tuple[str, str] | None:
    """The names of rank and count as torchrun and Kubernetes set them; None if neither is there."""
    names = ("RANK", "WORLD_SIZE")
    found = [name for name in names if environment.get(name)]
    if len(found) == 1:
        (lacking,) = set(names) - set(found)
        raise _contradiction(say("{name} is set, {lacking} is not", name=found[0], lacking=lacking))
    return names if found else None


def _from_slurm(environment: Mapping[str, str]) -> tuple[str, str] | None:
    """The same under srun; the script of sbatch is no step with several tasks."""
    names = ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS")
    if any(not environment.get(name) for name in names):
        return None
    return names if environment[names[1]] != "1" else None


def _local_rank(environment: Mapping[str, str]) -> int:
    name = next((n for n in ("LOCAL_RANK", "SLURM_LOCALID") if environment.get(n)), None)
    return _number(environment, name, 0) if name else 0


def _local_world(environment: Mapping[str, str]) -> int:
    """Processes on this machine; Slurm writes `2(x3),1` for its machines, of which the first counts."""
    if environment.get("LOCAL_WORLD_SIZE"):
        return _number(environment, "LOCAL_WORLD_SIZE", 1)
    found = re.match(r"\d+", environment.get("SLURM_STEP_TASKS_PER_NODE", ""))
    return int(found[0]) if found else 1


def _refuse_restarts(environment: Mapping[str, str]) -> None:
    """torchrun would start `train` again as another run, and what it restarts often hangs; `resume` goes on."""
    if environment.get("TORCHELASTIC_MAX_RESTARTS", "0") != "0":
        raise UsageError(
            Problem(
                say("torchrun was started with --max-restarts {n}", n=environment["TORCHELASTIC_MAX_RESTARTS"]),
                why=say("a restart would begin another run instead of carrying this one on"),
                next=say("use --max-restarts 0; loralab resume RUN goes on after a fault"),
            )
        )  # fmt: skip


def _number(environment: Mapping[str, str], name: str, least: int) -> int:
    """A whole number of the environment, at least `least`."""
    text = environment.get(name, "")
    if not text.isdecimal() or int(text) < least:
        raise _contradiction(f"{name}={text}")
    return int(text)


def _contradiction(found: object) -> UsageError:
    return UsageError(
        Problem(
            say("the environment does not tell which process of how many this is: {found}", found=found),
            next=say("unset RANK and WORLD_SIZE, or start the processes with torchrun"),
        )
    )


def threads_each(local_world: int) -> int:
    """Threads of one process, so that those of one machine share its cores."""
    return max(1, usable_cores() // local_world)
