"""Rounds of shared runs from the command line: good ones, and ones that are hit by signals and carried on."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from doubles.command import Said, ended
from doubles.same_run import differences
from doubles.tiny_model import write_tiny_model
from ranks.processes import PATIENCE_SECONDS, Shared, held_bytes, is_alive, make_shared

MOST_SECONDS = 30.0
Blow = Callable[[Shared, str, "subprocess.Popen[str]"], None]


def _to_all(*numbers: int) -> Blow:
    """Signals to the command, as Ctrl-C or a scheduler sends them."""

    def blow(shared: Shared, name: str, process: subprocess.Popen[str]) -> None:
        for number in numbers:
            process.send_signal(number)
            time.sleep(0.3)

    return blow


def _to(rank: int, number: int) -> Blow:
    return lambda shared, name, process: shared.kill(name, rank, number)


BLOWS: dict[str, tuple[Blow, set[int]]] = {  # and the exit codes that it may end in
    "rank 1 killed": (_to(1, signal.SIGKILL), {1}),
    "rank 0 killed": (_to(0, signal.SIGKILL), {1}),
    "rank 1 SIGTERM": (_to(1, signal.SIGTERM), {143}),
    "rank 0 SIGINT": (_to(0, signal.SIGINT), {130}),
    "Ctrl-C": (_to_all(signal.SIGINT), {130}),
    "Ctrl-C twice": (_to_all(signal.SIGINT, signal.SIGINT), {130}),
    "SIGTERM": (_to_all(signal.SIGTERM), {143}),
    "launcher killed": (_to_all(signal.SIGKILL), {-9}),
}


def main() -> int:
    """Play the rounds; 1 if any did not end as it must."""
    parser = argparse.ArgumentParser(prog="python -m ranks")
    parser.add_argument("--good", type=int, default=20, help="runs that nothing happens to")
    parser.add_argument("--world", type=int, default=2)
    parser.add_argument(
        "--shard", action="store_true", help="split the base, and print what each process holds of it"
    )
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp(prefix="loralab-ranks-"))
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["LORALAB_CACHE"] = str(folder / "cache")
    more = ("model.shard=fsdp",) if given.shard else ()
    shared = make_shared(folder, write_tiny_model(folder / "model"), *more)
    print(f"the runs are in {folder}", flush=True)
    well = sum(_good(shared, f"good-{number}", given.world) for number in range(given.good))
    print(f"{well} of {given.good} good runs exit 0", flush=True)
    if not given.good:
        shared.train("good-0", given.world)
    print(f"bytes of the base in each process: {held_bytes(shared.run('good-0'))}", flush=True)
    hit = sum(_hit(shared, name, given.world) for name in BLOWS)
    print(f"{hit} of {len(BLOWS)} runs that were hit end, and are carried on to the same end, bitwise")
    return 0 if (well, hit) == (given.good, len(BLOWS)) else 1


def _good(shared: Shared, name: str, world: int) -> bool:
    began = time.monotonic()
    said = shared.train(name, world)
    wrong = [f"exit {said.code}"] if said.code else differences(shared.run(name), shared.run("good-0"))
    return _tell(name, said, time.monotonic() - began, wrong)


def _hit(shared: Shared, blow: str, world: int) -> bool:
    name = blow.replace(" ", "-")
    process = shared.begin_until(name, 7, world)
    pids = [shared.pid(name, rank) for rank in range(world)]
    BLOWS[blow][0](shared, name, process)
    began = time.monotonic()
    said = ended(process, PATIENCE_SECONDS)
    while any(map(is_alive, pids)) and time.monotonic() - began < 2 * MOST_SECONDS:
        time.sleep(0.05)
    seconds = time.monotonic() - began
    wrong = [] if said.code in BLOWS[blow][1] else [f"exit {said.code}"]
    wrong += [f"{seconds:.0f} s"] if seconds > MOST_SECONDS else []
    wrong += ["a process is left"] if any(map(is_alive, pids)) else []
    status = shared.run(name).status
    again = shared.resume(name, world)
    wrong += [f"resume: exit {again.code}: {again.err}"] if again.code else []
    wrong += [] if again.code else differences(shared.run(name), shared.run("good-0"))
    return _tell(f"{blow} ({status})", said, seconds, wrong)


def _tell(name: str, said: Said, seconds: float, wrong: list[str]) -> bool:
    print(
        f"{name}: exit {said.code} after {seconds:.1f} s{': ' if wrong else ''}{'; '.join(wrong)}", flush=True
    )
    if wrong:
        print(said.err, flush=True)
    return not wrong


if __name__ == "__main__":
    sys.exit(main())
