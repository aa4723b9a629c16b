"""Processes that have met in, the means to act together out: sums over all, messages, and a clean end."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from typing import Any

from loralab.train.ranks.channel import MOST_SLEEP_SECONDS, Channel, Message, reaching_others, wait_until
from loralab.train.ranks.failure import error_of
from loralab.train.ranks.life import PATIENCE_SECONDS, STOPPING_PATIENCE_SECONDS, Beat, Watch
from loralab.train.ranks.place import Place
from loralab.train.stop import StopRequest

LOOK_SECONDS, WATCH_SECONDS = 0.05, 1.0  # between two looks at notes, and at signs of life
LEAVE_SECONDS = 2.0  # that rank 0 waits for the others when a run ends badly: the store may go with it


class Dismissed(Exception):
    """Rank 0 has said that the run is over; `well` tells how."""

    def __init__(self, well: bool) -> None:
        self.well = well
        super().__init__("the run is over")


class Group:
    """One process's part in the group; see `join`. `log` is named when another process fails."""

    def __init__(self, channel: Channel, place: Place, backend: str, stop: StopRequest) -> None:
        self.channel, self.place, self.backend, self.stop = channel, place, backend, stop
        self.rank, self.world, self.log = channel.rank, channel.world, ""
        self.watch = Watch(channel, range(1, self.world) if self.rank == 0 else (0,))
        self.beat = Beat(channel, place.has_agent, lambda: stop.ask(signal.SIGTERM))
        self._looked = self._watched = -WATCH_SECONDS
        self._told_signal = 0

    # ------------------------------------------------------------------------------------ acting together

    def all_reduce(self, flat: Any) -> None:
        """Sum a vector over all processes, in place. Raises RankLost if one is gone, and what `look` raises."""
        import torch.distributed as dist

        self._together(lambda: dist.all_reduce(flat, async_op=True), self.look)

    def broadcast(self, tensor: Any) -> None:
        """Give all processes the values that rank 0 has, in place; raises as `all_reduce`."""
        import torch.distributed as dist

        self._together(lambda: dist.broadcast(tensor, 0, async_op=True), self.look)

    def all_gather(self, full: Any, part: Any) -> None:
        """Fill a vector with the parts of all processes, by rank; raises as `all_reduce`."""
        import torch.distributed as dist

        self._together(lambda: dist.all_gather_into_tensor(full, part, async_op=True), self.look)

    def _together(self, start: Callable[[], Any], look: Callable[[], None]) -> None:
        with reaching_others():
            work = start()
        self.wait(work.is_completed, look)
        with reaching_others():
            work.wait()

    def wait(self, is_there: Callable[[], bool], look: Callable[[], None]) -> None:
        """Return once something is there, seeing meanwhile whether the others live."""
        self.watch.forget()
        wait_until(is_there, look)

    def hear(self) -> Message:
        """The next message of rank 0; raises Dismissed if the run is over instead."""
        found: list[Message] = []

        def is_there() -> bool:
            message = self.channel.heard()
            found.extend([message] if message is not None else [])
            return bool(found)

        self.wait(is_there, self.look)
        return found[0]

    def note(self, key: str, note: Message) -> None:
        """Leave a note of this process under a key that each has one for."""
        self.channel.put(f"{key}/{self.rank}", note)

    def gather(self, key: str) -> list[Message]:
        """On rank 0, the notes of the others under a key, by rank from 1, once all are there."""
        found: dict[int, Message] = {}

        def is_there() -> bool:
            for rank in range(1, self.world):
                note = None if rank in found else self.channel.find(f"{key}/{rank}")
                if note is not None:
                    found[rank] = note
            return len(found) == self.world - 1

        self.wait(is_there, self.look)
        return [found[rank] for rank in range(1, self.world)]

    # ------------------------------------------------------------------------------------ what else happens

    def look(self) -> None:
        """See what has happened meanwhile, not more often than makes sense.

        Raises RankLost; on rank 0 also Interrupted and what another process failed with, elsewhere Dismissed.
        """
        now = time.monotonic()
        if self.rank == 0:
            self.stop.in_step()
        if now - self._looked >= LOOK_SECONDS:
            self._looked = now
            self._look_at_notes()
        self.look_for_life()

    def look_for_life(self) -> None:
        """Raise RankLost if another process has been silent for too long."""
        now = time.monotonic()
        if now - self._watched >= WATCH_SECONDS:
            self._watched = now
            self.watch.look(STOPPING_PATIENCE_SECONDS if self.stop.signal_number else PATIENCE_SECONDS)

    def _look_at_notes(self) -> None:
        if self.rank == 0:
            self.hear_signal()
            if failed := self.channel.find("failed"):
                raise error_of(failed, self.log)
            return
        if end := self.channel.find("end"):
            raise Dismissed(bool(end["well"]))
        if self.stop.signal_number != self._told_signal:  # rank 0 decides what comes of it
            self._told_signal = self.stop.signal_number
            self.channel.put("signal", {"number": int(self._told_signal)})

    def hear_signal(self) -> None:
        """On rank 0, take a signal that only another process got as one of its own."""
        found = self.channel.find("signal")
        if found and not self.stop.signal_number:
            self.stop.ask(int(found["number"]))

    # ------------------------------------------------------------------------------------ the end

    def end(self, well: bool) -> None:
        """On rank 0: tell the others that the run is over, and leave; after a bad end nothing is summed any more."""
        self.channel.put("end", {"well": well})
        if well:
            self.leave()
            return
        deadline = time.monotonic() + LEAVE_SECONDS
        keys = [f"left/{rank}" for rank in range(1, self.world)]
        while time.monotonic() < deadline and not all(self.channel.find(key) for key in keys):
            time.sleep(MOST_SLEEP_SECONDS)
        self.beat.stop()

    def leave(self) -> None:
        """Take the process group down once all are there: gloo may abort a process that ends without."""
        import torch
        import torch.distributed as dist

        nothing = torch.zeros(
            1, device="cuda" if self.backend == "nccl" else "cpu"
        )  # a barrier guesses the GPU
        self._together(lambda: dist.all_reduce(nothing, async_op=True), self.look_for_life)
        self.beat.stop()
        dist.destroy_process_group()

    def slip_away(self) -> None:
        """After a bad end: say that nothing more comes from here."""
        self.note("left", {"left": True})
        self.beat.stop()
