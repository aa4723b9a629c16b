"""A mirror begins with the history in force, and begins anew after a resume."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from loralab.run import EventWriter
from loralab.track.curves import Mark
from loralab.track.follow import Follower


class Paper:
    """Keeps what is written."""

    def __init__(self, events: Any) -> None:
        self.seen = len(events)
        self.marks: list[tuple[int, str | None]] = []
        self.ends: list[tuple[str, str]] = []

    def write(self, mark: Mark, when: str | None) -> None:
        self.marks.append((mark.step, when))

    def end(self, status: str, error: str) -> None:
        self.ends.append((status, error))


def follow(path: Path) -> tuple[list[Paper], Follower]:
    papers: list[Paper] = []

    def begin(events: Any) -> Paper:
        papers.append(Paper(events))
        return papers[-1]

    return papers, Follower(path, begin)


def test_a_mirror_that_joins_late_begins_with_the_history_at_its_own_times(tmp_path: Path) -> None:
    writer = EventWriter(tmp_path / "events.jsonl")
    early = [writer.append("step", step=n, loss=1.0) for n in (1, 2, 3)]
    papers, follower = follow(writer.path)
    follower.take(early[1])
    assert papers[0].marks == [(1, early[0]["time"]), (2, early[1]["time"])]
    follower.take(early[2])
    assert papers[0].marks[2:] == [(3, None)]
    follower.finish("finished")
    assert papers[0].ends == [("finished", "run finished")]
    writer.close()


def test_a_resume_ends_one_writer_and_gives_the_next_only_what_counts(tmp_path: Path) -> None:
    writer = EventWriter(tmp_path / "events.jsonl")
    papers, follower = follow(writer.path)
    for n in (1, 2, 3):
        follower.take(writer.append("step", step=n, loss=1.0))
    follower.take(writer.append("run_resumed", from_step=1))
    follower.take(writer.append("step", step=2, loss=2.0))
    follower.take(writer.append("run_failed", error="no \ud83d room"))
    follower.finish("failed")
    assert [step for step, _ in papers[0].marks] == [1, 2, 3]
    assert papers[0].ends == [("interrupted", "resumed from step 1")]
    assert [step for step, _ in papers[1].marks] == [1, 2] and papers[1].seen == 4
    assert papers[1].ends == [("failed", "no ? room")]
    writer.close()


def test_without_an_event_there_is_nothing_to_finish(tmp_path: Path) -> None:
    papers, follower = follow(tmp_path / "events.jsonl")
    follower.finish("finished")
    assert papers == []
    follower.replay()
    follower.finish("interrupted")
    assert papers[0].ends == [("interrupted", "run interrupted")]
