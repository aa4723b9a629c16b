"""A run in, what changes in it out as server-sent events (WHATWG HTML, section 9.2), until it ends."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

from starlette.concurrency import run_in_threadpool

from loralab.board.index import RunIndex
from loralab.board.pages import state

LOOK_SECONDS = 0.5
BEAT_SECONDS = 15.0  # something has to be sent now and then, or nobody notices that the reader is gone


async def stream(index: RunIndex, name: str, language: str) -> AsyncIterator[str]:
    """The state of a run at first, and again whenever it changed; `end` when it runs no more."""
    told: dict[str, Any] | None = None
    beat = time.monotonic()
    while True:
        now = await run_in_threadpool(_state, index, name, language)
        if now is None:
            yield "event: end\ndata: {}\n\n"
            return
        if now != told:
            yield f"data: {json.dumps(now, ensure_ascii=False)}\n\n"
            told, beat = now, time.monotonic()
        if now["status"] != "running":
            yield "event: end\ndata: {}\n\n"
            return
        if time.monotonic() - beat > BEAT_SECONDS:
            yield ": still there\n\n"
            beat = time.monotonic()
        await asyncio.sleep(LOOK_SECONDS)


def _state(index: RunIndex, name: str, language: str) -> dict[str, Any] | None:
    run = index.open(name)
    return None if run is None else state(run, language)
