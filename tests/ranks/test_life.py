"""Signs of life: who is silent for too long is lost, and so is a connection that is gone."""

from __future__ import annotations

import os
import time

import pytest
import torch.distributed as dist

from loralab.errors import RankLost
from loralab.train.ranks import life
from loralab.train.ranks.channel import Channel, wait_until
from loralab.train.ranks.life import Beat, Watch


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def channels(world: int = 3) -> list[Channel]:
    store = dist.HashStore()
    return [Channel(store, rank, world) for rank in range(world)]


def test_the_one_that_falls_silent_is_named() -> None:
    me, one, two = channels()
    clock = Clock()
    watch = Watch(me, (1, 2), clock)
    for second in range(100):
        clock.now = second
        one.put("beat/1", {"count": second})
        if second < 40:
            two.put("beat/2", {"count": second})
            watch.look(10)
    clock.now = 49.5
    with pytest.raises(RankLost, match=r"process 2 of this run has given no sign of life for 1[01] s"):
        watch.look(10)


def test_what_was_not_looked_at_for_a_while_is_not_lost() -> None:
    me, one, _ = channels()
    clock = Clock()
    watch = Watch(me, (1,), clock)
    one.put("beat/1", {"count": 1})
    watch.look(10)
    clock.now = 1000.0
    watch.forget()
    watch.look(10)


def test_a_process_gives_signs_until_it_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(life, "BEAT_SECONDS", 0.001)
    channel, other, _ = channels()
    beat = Beat(channel, False, pytest.fail)
    wait_until(lambda: (other.find("beat/0") or {"count": 0})["count"] > 3, lambda: None)
    beat.stop()
    before = other.find("beat/0")
    time.sleep(0.02)
    assert other.find("beat/0") == before


def test_a_process_whose_torchrun_is_gone_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed, torchrun leaves its processes running: they trained on without anybody who would end them."""
    monkeypatch.setattr(life, "BEAT_SECONDS", 0.001)
    told: list[bool] = []
    beat = Beat(channels()[0], True, lambda: told.append(True))
    time.sleep(0.02)
    assert told == []
    monkeypatch.setattr(os, "getppid", lambda: 1)
    wait_until(lambda: bool(told), lambda: None)
    time.sleep(0.02)
    beat.stop()
    assert told == [True], "once is enough"


class Gone:
    """A store whose other end is gone."""

    def set(self, key: str, value: str) -> None:
        raise RuntimeError("Broken pipe\nwith a trace of C++")

    check = get = set


def test_a_store_that_is_gone_is_a_lost_process() -> None:
    with pytest.raises(RankLost, match=r"cannot be reached any more$"):
        Channel(Gone(), 0, 2).tell(step=1)


def test_messages_are_heard_once_each_and_in_order() -> None:
    me, one, two = channels()
    me.tell(step=1)
    me.tell(step=2)
    assert [one.heard() for _ in range(3)] == [{"step": 1}, {"step": 2}, None]
    me.tell(step=3)
    assert one.heard() == {"step": 3} and two.heard() == {"step": 1}
