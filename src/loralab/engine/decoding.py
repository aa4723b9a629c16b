"""Prompts in, their greedy answers out: so many at a time, and where one has ended, the next takes its place.

What all prompts begin with is read once, and a prompt that comes in is read beside the newest tokens of the others, in
the same products. The mathematics is the model's; what differs from its own `generate` is the order of sums.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from loralab.engine.base import Answer, Reason, Tick
from loralab.engine.decoding_cache import Cache, Newest, Piece, Reader
from loralab.engine.fast.arrange import shared_start


@dataclass(frozen=True)
class Limits:
    """How many answers are on their way at a time, and what ends one: so many new tokens, or one of these."""

    num_rows: int
    new_tokens: int
    stop_ids: frozenset[int]

    def reason(self, ids: list[int], token: int) -> Reason | None:
        """Why an answer ends with its newest token; that token is left out of `ids` if it stops it."""
        if token in self.stop_ids:
            return "stop"
        ids.append(token)
        return "length" if len(ids) == self.new_tokens else None


@dataclass
class Row:
    """An answer on its way. `seconds` is its share of the time so far."""

    index: int
    prompt: Sequence[int]
    ids: list[int] = field(default_factory=list)
    seconds: float = 0.0

    def newest(self, row: int) -> Newest:
        """Its last token, in this row of the cache."""
        return Newest(row, len(self.prompt) + len(self.ids) - 1, self.ids[-1])


def greedy_answers(
    reader: Reader, prompts: Sequence[Sequence[int]], limits: Limits, tick: Tick
) -> Iterator[Answer]:
    """An answer to each prompt, without its stop token, as they end; `tick` before each token.

    No prompt may be empty, and limits are 1 or more. Which answers go through the model together, and so the last
    bits of every sum, follows from the prompts alone.
    """
    assert all(prompts) and limits.num_rows > 0 and limits.new_tokens > 0
    shared = shared_length(prompts)
    waiting = deque(Row(index, prompt) for index, prompt in enumerate(prompts))
    rows = [waiting.popleft() for _ in range(min(limits.num_rows, len(prompts)))]
    cache = Cache(reader, len(rows), max(map(len, prompts)))
    beginning = [Piece(0, len(rows), 0, tuple(prompts[0][:shared]))] if shared else []
    while rows:
        tick()
        began = time.monotonic()
        tokens = _next_tokens(cache, rows, shared, beginning)
        beginning = []
        share = (time.monotonic() - began) / len(rows)
        ended = []
        for place, (row, token) in enumerate(zip(rows, tokens, strict=True)):
            row.seconds += share
            if reason := limits.reason(row.ids, token):
                yield Answer(row.index, tuple(row.ids), reason, row.seconds)
                ended.append(place)
        for place in reversed(ended):  # so that the last row, which may take a place, is one that goes on
            _give_place(place, rows, waiting, cache, shared)


def shared_length(prompts: Sequence[Sequence[int]]) -> int:
    """How many tokens all prompts begin with; of each at least one is left."""
    return shared_start([prompt[:-1] for prompt in prompts]) if len(prompts) > 1 else 0


def _next_tokens(cache: Cache, rows: Sequence[Row], shared: int, beginning: list[Piece]) -> list[int]:
    """The next token of each row; those without one have a prompt to be read first, after its beginning."""
    new = [place for place, row in enumerate(rows) if not row.ids]
    old = [place for place, row in enumerate(rows) if row.ids]
    pieces = [Piece(place, place + 1, shared, tuple(rows[place].prompt[shared:])) for place in new]
    tokens = cache.next_tokens([*beginning, *pieces], [rows[place].newest(place) for place in old])
    found = dict(zip([*new, *old], tokens[len(beginning) :], strict=True))
    return [found[place] for place in range(len(rows))]


def _give_place(place: int, rows: list[Row], waiting: deque[Row], cache: Cache, shared: int) -> None:
    """Give the place of an answer that has ended to the next prompt, or else to the last row."""
    if waiting:
        rows[place] = waiting.popleft()
        cache.clear(place, shared)
        return
    last = rows.pop()
    if place < len(rows):
        rows[place] = last
        cache.move(len(rows), place)
