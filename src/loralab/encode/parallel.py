"""Conversations in, encoded rows in the same order out, tokenised by several threads.

Threads, not processes: the tokenizer works outside of Python's lock, about 3/4 of the time, so two threads are
nearly twice as fast as one, start at once, share one tokenizer, and cannot outlive the command. What holds the
lock makes more than a handful of them useless.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from loralab.data.conversation import Conversation
from loralab.data.reasons import BadRow
from loralab.encode.batch import Batch, EncodeRules, parts
from loralab.encode.encode import Encoded
from loralab.encode.template import ChatTemplate

MOST_WORKERS = 8
FEW_ROWS = 2000  # done in about a second by one thread

Results = list[Encoded | BadRow]


def encode_in_order(
    conversations: Sequence[Conversation], template: ChatTemplate, rules: EncodeRules, workers: int | None
) -> Generator[Encoded | BadRow, None, None]:
    """What `encode_many` yields, by `workers` threads; None is one for few rows, else one for each usable core.

    Close it if it is not read to its end: that ends the threads, which takes some hundredths of a second.
    """
    batch = Batch(template, rules)
    if workers is None:
        workers = 1 if len(conversations) <= FEW_ROWS else min(usable_cores(), MOST_WORKERS)
    if workers == 1 or batch.one_by_one:
        for part in parts(conversations):
            yield from batch.encode(part)
        return
    with ThreadPoolExecutor(workers, "encode") as pool:
        waiting: deque[Future[Results]] = deque()
        try:
            for part in parts(conversations):
                waiting.append(pool.submit(batch.encode, part))
                if len(waiting) > 2 * workers:  # no more than that is held in memory
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def usable_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
