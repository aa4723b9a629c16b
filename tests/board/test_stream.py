"""What is added to a run reaches a page that is open, and the stream ends with the run."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from doubles.made_run import ENDINGS, Recipe, make_step
from loralab.board import stream as stream_module
from loralab.board.index import RunIndex
from loralab.board.stream import stream
from loralab.run.files import dump_json
from loralab.run.lock import RunLock


def told(message: str) -> dict[str, Any]:
    assert message.startswith("data: ") and message.endswith("\n\n")
    return dict(json.loads(message.removeprefix("data: ")))


def test_steps_and_the_end_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "LOOK_SECONDS", 0.01)
    run = Recipe(num_steps=2, ending="").write(tmp_path / "0001-a")
    lock = RunLock(run.folder.lock)
    index = RunIndex(tmp_path)

    def add(*events: dict[str, Any]) -> None:
        with run.folder.events.open("a") as file:
            file.writelines(
                dump_json({"seq": 90 + i, "time": "2026-11-25T04:00:00Z", **e}) + "\n"
                for i, e in enumerate(events)
            )

    async def follow() -> list[str]:
        messages = stream(index, "0001-a", "en")
        seen = [await anext(messages)]
        add(make_step(3, 4))
        seen.append(await anext(messages))
        add(ENDINGS["finished"])
        lock.release()
        return [*seen, *[message async for message in messages]]

    first, second, third, end = asyncio.run(follow())
    assert (told(first)["status"], told(first)["done"]) == ("running", 2)
    assert (told(second)["done"], told(second)["others"]) == (3, told(first)["others"])
    assert (told(third)["status"], told(third)["left"]) == ("finished", "")
    assert end.startswith("event: end\n")


def test_a_run_that_is_over_is_told_once(client: TestClient) -> None:
    text = client.get("/run/0001-law/live").text
    assert text.count("data: {") == 2 and text.endswith("event: end\ndata: {}\n\n")
