"""A sample of `python -m faults`: runs that are killed at random moments end as one that is not."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from doubles.fork import BROKEN
from faults.blows import Blow, Extent, counting, draw
from faults.forked import Forked
from faults.rounds import Course, Outcome, _kept, play
from faults.small_job import SmallJob
from loralab.run.view import open_run

EXTENT = Extent(lines=126, seconds=3.0, files=127)


@pytest.fixture
def course(small_job: SmallJob, tmp_path: Path) -> Course:
    return Course(small_job.config, tmp_path / "round", open_run(small_job.run), EXTENT)


@pytest.mark.parametrize("seed", ["a", "b", "c"])
def test_a_run_that_is_killed_again_and_again_comes_to_the_same_end(course: Course, seed: str) -> None:
    outcome = play(course, Random(seed))
    assert outcome.is_well, (outcome, course.log.read_text("utf-8"))
    assert outcome.blows.total() > 0, "a round without a kill shows nothing; take another seed"


def test_blows_come_at_every_kind_of_moment() -> None:
    drawn = [draw(Random(seed), EXTENT) for seed in range(100)]
    assert {blow.kind for blow in drawn} == {"lines", "seconds", "files"}
    assert all(0 <= blow.amount <= max(EXTENT.lines, EXTENT.files) for blow in drawn)
    assert draw(Random(3), EXTENT) == draw(Random(3), EXTENT) != Blow("lines", 0)


def test_an_event_that_is_gone_or_changed_is_counted(course: Course) -> None:
    """What the harness is for: it must see a loss."""
    events = course.run.events
    events.parent.mkdir(parents=True)
    first, second = b'{"seq": 0}\n', b'{"seq": 1}\n'
    for found, lost in (
        (first + second, 0),
        (first + second + b'{"seq"', 0),
        (first, 1),
        (b"", 2),
        (second, 2),
    ):
        events.write_bytes(found)
        outcome = Outcome()
        assert _kept(course, first + second, b"", outcome) == found[: found.rfind(b"\n") + 1]
        assert outcome.lost == lost and outcome.is_well == (not lost)


def test_changes_of_files_are_counted_below_a_folder_alone(tmp_path: Path) -> None:
    """In a process of its own, since an audit hook stays."""
    inside, outside, count = tmp_path / "in", tmp_path / "out", tmp_path / "count"
    inside.mkdir()
    outside.mkdir()
    numbers = [0]

    def changes() -> None:
        (inside / "a").write_text("x")  # 1
        (inside / "a").rename(inside / "b")  # 2
        (inside / "b").read_text()
        (outside / "a").write_text("x")
        (inside / "b").unlink()  # 3
        count.write_text(str(numbers[0]))

    hook = counting(inside, lambda number: numbers.__setitem__(0, number))
    process = Forked(("--version",), tmp_path / "said.txt", before=hook, after=changes)
    assert process.wait() == 0, (tmp_path / "said.txt").read_text()
    assert count.read_text() == "3"


def test_a_child_that_fails_is_no_command_that_ended(tmp_path: Path) -> None:
    def fail() -> None:
        raise RuntimeError("a fault of the harness")

    process = Forked(("--version",), tmp_path / "said.txt", before=fail)
    assert process.said().code == BROKEN and "a fault of the harness" in process.said().err
