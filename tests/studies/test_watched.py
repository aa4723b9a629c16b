"""The scenarios must see what they are there for: a step made twice, a finished file that was touched, a way out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest

from doubles.command import invoke
from doubles.studies import FAKE_COMMAND
from loralab.study import train_cell
from loralab.study.folder import StudyFolder
from studies.kills import EARLIEST, LATEST, draw
from studies.processes import Command, all_pids, parent
from studies.study_files import write_study
from studies.watched import compared, finished_files, num_events, out_of_order, table, touched


def steps(*numbers: int) -> list[dict[str, Any]]:
    return [{"kind": "step", "step": number} for number in numbers]


SAVED, AGAIN = {"kind": "checkpoint", "step": 2}, {"kind": "run_resumed", "from_step": 2}


@pytest.mark.parametrize(
    ("events", "wrong"),
    [
        ([*steps(1, 2), SAVED, *steps(3), AGAIN, *steps(3, 4)], []),
        ([*steps(1, 2), AGAIN, *steps(3)], []),  # killed between a checkpoint and its event
        ([*steps(1, 2), SAVED, *steps(3, 3)], ["step 3 after step 3"]),
        ([*steps(1, 3)], ["step 3 after step 1"]),
        ([*steps(1, 2), SAVED, *steps(3), {**AGAIN, "from_step": 0}, *steps(1)], ["goes on from step 0; made: 3, saved: 2"]),
        ([*steps(1), AGAIN, *steps(3)], ["goes on from step 2; made: 1, saved: 0"]),
    ],
)  # fmt: skip
def test_steps_follow_each_other_and_no_saved_one_is_made_again(events: Any, wrong: list[str]) -> None:
    assert out_of_order(events) == wrong


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[StudyFolder, StudyFolder]:
    """The same study in two folders, trained by a stand-in."""
    monkeypatch.setattr(train_cell, "COMMAND", FAKE_COMMAND)
    file = write_study(tmp_path, [Path("/models/one"), Path("/models/two")], steps=2, save_every=1)
    file.write_text(file.read_text().replace("rouge_l", "loss"))
    found = []
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        assert invoke("study", file).code == 0
        found.append(Command(file, tmp_path / name).study)
    return found[0], found[1]


def test_what_is_not_alike_is_found(two: tuple[StudyFolder, StudyFolder]) -> None:
    cells, wrong = compared(*two)
    assert wrong == [] and [cell.attempts for cell in cells] == [1] * 4 and "rows" not in cells[0].wrong
    assert num_events(two[0]) == num_events(two[1]) == 16 and len(table(two[0])["recipes"]) == 4
    seen = finished_files(two[0])
    assert touched(seen) == [] and len(seen) == 24
    (scores, *_) = sorted(two[0].path.glob("cells/*/0001-*/scores/after.rows.jsonl"))
    scores.write_text(scores.read_text().replace(": 1.6", ": 1.7"))
    assert touched(seen) == [str(scores)]
    assert compared(*two)[1] == ["the table is not that of the uninterrupted study"]
    two[0].report.unlink()
    cells, wrong = compared(*two)
    assert wrong == ["there is no report"] and "rows" in cells[0].wrong and "rows" not in cells[1].wrong


def test_kills_are_drawn_by_their_seed_over_the_study() -> None:
    assert draw(Random(3), 2, 8.0) == draw(Random(3), 2, 8.0) != draw(Random(4), 2, 8.0)
    blows = draw(Random(5), 200, 8.0)
    assert blows == sorted(blows, key=lambda blow: blow.share) and blows[0].with_trainer
    assert EARLIEST <= blows[0].share < 0.2 and 0.7 < blows[-1].share <= LATEST
    assert {blow.with_trainer for blow in blows[1:]} == {True, False}
    assert all(0 <= blow.seconds <= 4 for blow in blows)


def test_a_process_knows_its_parent() -> None:
    assert parent(os.getpid()) == os.getppid() and os.getpid() in all_pids()


@pytest.mark.skipif(os.getuid() != 0, reason="this process may not leave the machine's network")
def test_a_network_of_its_own_has_no_way_out() -> None:
    """In a process of one thread; `connect` of a datagram socket is what Ray uses to find its own address."""
    program = (
        "import contextlib, socket; from studies.loopback import enter, refused, ways_out; enter(); out = ways_out()\n"
        "with socket.create_server(('127.0.0.1', 0)) as server: socket.create_connection(server.getsockname()).close()\n"
        "before = refused()\n"
        "with contextlib.suppress(OSError): socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(('8.8.8.8', 80))\n"
        "print(out, before, refused())"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False
    )  # fmt: skip
    if "PermissionError" in said.stderr:
        pytest.skip("this process may not leave the machine's network")
    assert said.stdout == "[] 0 1\n", said
