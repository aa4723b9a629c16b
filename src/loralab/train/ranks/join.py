"""A process's place in, its group out, once all processes are there; several processes are refused what they cannot have."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from loralab.errors import Problem, ResourceError, UsageError
from loralab.model.load import pick_device
from loralab.train.ranks.channel import Channel, reaching_others, wait_until
from loralab.train.ranks.group import Group
from loralab.train.ranks.place import Place, threads_each
from loralab.train.stop import StopRequest
from loralab.words import say

JOIN_SECONDS = 300.0  # for all to be there
# torch's own limit for one sum: longer than shares of a step may differ, while a lost process is seen by its silence
COLLECTIVE_SECONDS = 3600.0


def join(place: Place, stop: StopRequest) -> Group:
    """Meet the other processes. Raises ResourceError if not all come, or there is no GPU for each."""
    device = take_device(place)
    use_threads(place, os.environ)
    channel = Channel(_client(place, hosts=place.rank == 0 and not place.has_agent), place.rank, place.world)
    _meet(channel, stop)
    backend = "nccl" if device == "cuda" else "gloo"
    _start_group(place, backend)
    return Group(channel, place, backend, stop)


def take_device(place: Place) -> str:
    """The kind of device, with this process's own GPU made the current one."""
    device = pick_device()
    if device == "mps":
        raise UsageError(
            Problem(say("several processes can share a run on CUDA and on CPUs, not on mps"), "--devices")
        )
    if device == "cuda":
        import torch

        torch.cuda.set_device(gpu_of(place.local_rank, place.local_world, torch.cuda.device_count()))
    return device


def gpu_of(local_rank: int, local_world: int, gpus: int) -> int:
    """The number of a process's GPU; Slurm may show each process its own alone, as number 0."""
    if gpus == 1:
        return 0
    if local_rank >= gpus:
        raise ResourceError(
            Problem(
                say("{processes} processes on this machine, {gpus} GPUs: each needs one of its own",
                    processes=local_world, gpus=gpus),
                next=say("start as many processes as there are GPUs"),
            )
        )  # fmt: skip
    return local_rank


def use_threads(place: Place, environment: Mapping[str, str]) -> None:
    """Share the cores of this machine, unless the environment says how many threads each process has."""
    if not environment.get("OMP_NUM_THREADS"):
        import torch

        torch.set_num_threads(threads_each(place.local_world))


def _client(place: Place, hosts: bool = False) -> Any:
    """A connection of its own to the store: one that waits, as torch's does, holds up who shares it."""
    import torch.distributed as dist

    with reaching_others():
        return dist.TCPStore(  # type: ignore[attr-defined]
            place.address, place.port, is_master=hosts, wait_for_workers=False,
            timeout=timedelta(seconds=JOIN_SECONDS), multi_tenant=True,
        )  # fmt: skip


def _meet(channel: Channel, stop: StopRequest) -> None:
    """Return once all processes are there; raises ResourceError, naming those that are not, after a while."""
    deadline = time.monotonic() + JOIN_SECONDS
    channel.put(f"here/{channel.rank}", {"pid": os.getpid()})
    missing = set(range(channel.world))

    def all_are_here() -> bool:
        missing.difference_update([rank for rank in missing if channel.find(f"here/{rank}")])
        return not missing

    def look() -> None:
        stop.between_steps()
        if time.monotonic() > deadline:
            names = ", ".join(map(str, sorted(missing)))
            words = say("of {world} processes, these did not come within {seconds:.0f} s: {names}",
                        world=channel.world, seconds=JOIN_SECONDS, names=names)  # fmt: skip
            raise ResourceError(
                Problem(words, next=say("look at what they said, and start all of them again"))
            )

    wait_until(all_are_here, look)


def _start_group(place: Place, backend: str) -> None:
    import torch.distributed as dist

    store = dist.PrefixStore("group", _client(place))  # type: ignore[attr-defined]
    with reaching_others():
        dist.init_process_group(
            backend, store=store, rank=place.rank, world_size=place.world,
            timeout=timedelta(seconds=COLLECTIVE_SECONDS),
        )  # fmt: skip
    assert dist.get_world_size() == place.world
