"""Prompts as token ids in, greedy answers of a server out, as they come: several requests under way at once."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

from loralab.engine.base import Answer, Tick
from loralab.engine.server_link import Link
from loralab.engine.server_models import Served
from loralab.engine.server_patience import Patience, Stopped, patiently
from loralab.engine.server_reply import Reply, Sent, read_reply
from loralab.errors import UserError
from loralab.words import Words, say

PATH = "/v1/completions"
TICK_SECONDS = 0.2
TELL_SECONDS = 10.0  # between two sentences about failures
STOP_SECONDS = 2.0  # for all requests under way to be given up
# greedy, and nothing of a model's generation_config, which servers obey where a request is silent
GREEDY = {
    "temperature": 0, "repetition_penalty": 1.0, "presence_penalty": 0.0, "frequency_penalty": 0.0,
    "n": 1, "stream": False, "return_token_ids": True,
}  # fmt: skip


@dataclass(frozen=True)
class _Again:
    """A request failed and is sent again after a pause."""

    reason: Words
    seconds: float


_Found: TypeAlias = tuple[int, Reply] | _Again | UserError


@dataclass(frozen=True)
class _Job:
    """What the threads share: which prompts wait, what was found, and whether to stop."""

    prompts: Sequence[Sequence[int]]
    max_new_tokens: int
    stop_ids: frozenset[int]
    waiting: queue.SimpleQueue[int] = field(default_factory=queue.SimpleQueue)
    found: queue.SimpleQueue[_Found] = field(default_factory=queue.SimpleQueue)
    stop: threading.Event = field(default_factory=threading.Event)

    def arrived(self) -> Iterator[tuple[int, Reply]]:
        """The answers that are there, of what has not been looked at yet."""
        while not self.found.empty():
            item = self.found.get()
            if isinstance(item, tuple):
                yield item


class ServerGenerator:
    """A server's model behind the seam of generators; up to `in_flight` requests are under way."""

    def __init__(
        self, served: Served, in_flight: int, patience: Patience, tell: Callable[[Words], None]
    ) -> None:
        self.served, self.in_flight, self.patience, self.tell = served, in_flight, patience, tell
        self.name = served.backend

    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        max_new_tokens: int,
        stop_ids: Sequence[int],
        tick: Tick,
        known: Collection[int] = (),
    ) -> Iterator[Answer]:
        """One answer for each prompt not `known`, as they arrive; `seconds` is the time since the one before.

        Raises UsageError and ResourceError when one request finally failed; what has arrived comes before that.
        """
        job = _Job(prompts, max_new_tokens, frozenset(stop_ids))
        asked = [index for index in range(len(prompts)) if index not in known]
        for index in asked:
            job.waiting.put(index)
        links = [
            Link(self.served.address, self.patience.answer_seconds)
            for _ in range(min(self.in_flight, len(asked)))
        ]
        threads = [threading.Thread(target=self._answer, args=(job, link), daemon=True) for link in links]
        for thread in threads:
            thread.start()
        try:
            yield from self._collected(job, threads, len(asked), tick)
        finally:
            job.stop.set()
            _end(links, threads)

    # ---------------------------------------------------------------------------------- the caller's thread

    def _collected(
        self, job: _Job, threads: Sequence[threading.Thread], left: int, tick: Tick
    ) -> Iterator[Answer]:
        last = time.monotonic()
        setbacks = _Setbacks(self.tell)
        try:
            while left:
                tick()
                alive = any(thread.is_alive() for thread in threads)
                try:
                    item = job.found.get(timeout=TICK_SECONDS)
                except queue.Empty:
                    assert alive, "the threads ended without an answer to each prompt"
                    continue
                if isinstance(item, _Again):
                    setbacks.add(item)
                    continue
                for index, reply in job.arrived() if isinstance(item, UserError) else (item,):
                    now = time.monotonic()
                    yield Answer(index, reply.ids, reply.finish_reason, now - last)
                    last, left = now, left - 1
                if isinstance(item, UserError):
                    raise item
        finally:
            setbacks.tell_total()

    # --------------------------------------------------------------------------------------- other threads

    def _answer(self, job: _Job, link: Link) -> None:
        """Answer prompts until none waits, one fails for good, or it is time to stop."""
        try:
            while not job.stop.is_set():
                index = job.waiting.get_nowait()
                reply = patiently(
                    partial(self._once, job, link, index), self.patience, str(link.address), job.stop.wait,
                    lambda reason, seconds: job.found.put(_Again(reason, seconds)),
                )  # fmt: skip
                job.found.put((index, reply))
        except (queue.Empty, Stopped):
            pass
        except UserError as error:
            job.found.put(error)
        finally:
            link.close()

    def _once(self, job: _Job, link: Link, index: int) -> Reply:
        sent = Sent(self.served.model, job.prompts[index], job.max_new_tokens, job.stop_ids)
        body = GREEDY | {
            "model": sent.model, "prompt": list(sent.prompt), "max_tokens": sent.max_new_tokens,
            "stop_token_ids": sorted(sent.stop_ids),
        }  # fmt: skip
        return read_reply(link.exchange(PATH, body), sent, str(link.address))


class _Setbacks:
    """Says that requests failed: at once, then not more often than every few seconds, and how many in the end."""

    def __init__(self, tell: Callable[[Words], None]) -> None:
        self.tell, self.total, self.last = tell, 0, -TELL_SECONDS

    def add(self, again: _Again) -> None:
        self.total += 1
        if time.monotonic() - self.last >= TELL_SECONDS:
            self.last = time.monotonic()
            self.tell(say("the server failed ({reason}); the question is sent again in {seconds} s",
                          reason=again.reason, seconds=f"{again.seconds:.1f}"))  # fmt: skip

    def tell_total(self) -> None:
        if self.total:
            self.tell(say("{n} requests to the server failed and were sent again", n=self.total))


def _end(links: Sequence[Link], threads: Sequence[threading.Thread]) -> None:
    """Break off what is under way; a thread that still waits for a connection is left behind."""
    for link in links:
        link.cut()
    end = time.monotonic() + STOP_SECONDS
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
