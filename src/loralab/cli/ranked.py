"""`--devices N` in, N processes that share a run out: started by torchrun, joined, and ended with the run's exit code."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any

import click

from loralab.cli.console import QUIET, Console
from loralab.cli.signals import listening
from loralab.errors import EXIT_FAILED
from loralab.model.load import pick_device
from loralab.train.ranks.base import Alone, Ranks
from loralab.train.ranks.place import Place, place_of, threads_each
from loralab.train.stop import StopRequest
from loralab.words import say

GRACE_SECONDS = "600"  # after Ctrl-C, for the step that is being made; a second Ctrl-C ends at once
LOOPBACK = "127.0.0.1"

Work = Callable[[Ranks, StopRequest], None]


def devices_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """The option `--devices N` of train and resume."""
    option = click.option(
        "--devices", type=click.IntRange(min=1), metavar="N",
        help="Share each step between N processes on this machine: one a GPU, or N on the CPU.",
    )  # fmt: skip
    return option(function)


def shared(console: Console, devices: int | None, ready: Callable[[], Work]) -> int:
    """Do the work of a run as the process that this is: alone, one of several, or the one that starts them.

    `ready()` checks what can be checked first, and returns the work, which only the first process does. Returns the
    exit code.
    """
    place = place_of(os.environ, devices)
    if place is not None and place.rank:
        return _follow(place, console)
    work = ready()
    if place is None and devices is not None and devices > 1:
        return _launch(devices, console)
    with listening(console) as stop, _leading(place, stop) as ranks:
        work(ranks, stop)
    return 0


@contextlib.contextmanager
def _leading(place: Place | None, stop: StopRequest) -> Iterator[Ranks]:
    """The processes of a run; the others are told how it ended."""
    if place is None:
        yield Alone()
        return
    from loralab.train.ranks.join import join
    from loralab.train.ranks.lead import Leader

    leader = Leader(join(place, stop))
    try:
        yield leader
    except BaseException:
        with contextlib.suppress(Exception):  # what ended the run is what the reader must hear of
            leader.end(well=False)
        raise
    leader.end(well=True)


def _follow(place: Place, console: Console) -> int:
    """Take part in the run of process 0, which says all there is to say."""
    from loralab.train.ranks.follow import follow
    from loralab.train.ranks.join import join

    with listening(Console(console.language, QUIET)) as stop:
        follow(join(place, stop))
    return 0


def _launch(devices: int, console: Console) -> int:
    """Run this command line again in several processes under torchrun, on this machine alone."""
    from torch.distributed import run as torchrun
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    _prepare_environment(devices)
    words = [
        "--standalone", "--nproc-per-node", str(devices), "--max-restarts", "0", "--local-addr", LOOPBACK,
        "-m", "loralab", *sys.argv[1:],
    ]  # fmt: skip
    logging.disable()  # what torchrun logs of a failed process is said below, in a sentence
    try:
        torchrun.run(torchrun.parse_args(words))  # type: ignore[no-untyped-call]
    except ChildFailedError as error:
        return _failed(error, devices, console)
    except SignalException as error:
        return 128 + int(error.sigval)
    finally:
        logging.disable(logging.NOTSET)
    return 0


def _prepare_environment(devices: int) -> None:
    """What the processes inherit; what the user sets wins."""
    if pick_device() == "cuda":
        import torch

        from loralab.train.ranks.join import gpu_of

        gpu_of(devices - 1, devices, torch.cuda.device_count())
    os.environ.setdefault("OMP_NUM_THREADS", str(threads_each(devices)))
    os.environ.setdefault("TORCH_ELASTIC_SHUTDOWN_TIMEOUT", GRACE_SECONDS)
    if sys.platform == "linux":
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # one machine: no need to be reached from others


def _failed(error: Any, devices: int, console: Console) -> int:
    """The exit code of the run, that of process 0 where it has one; processes that were killed are named."""
    codes = {rank: int(failure.exitcode) for rank, failure in error.failures.items()}
    for rank, code in codes.items():
        if code < 0:
            name = signal.Signals(-code).name
            words = say("process {rank} of {n} was ended by {signal}, and the run with it",
                        rank=rank, n=devices, signal=name)  # fmt: skip
            console.say(words, loudness=QUIET)
    if codes.get(0, 0) < 0:  # else it has named the run itself
        console.next(say("loralab resume RUN --devices {n}", n=devices), loudness=QUIET)
    first = codes.get(0, codes[error.get_first_failure()[0]])
    return first if first > 0 else EXIT_FAILED
