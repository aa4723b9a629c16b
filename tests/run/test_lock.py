"""The lock: one writer; a dead one's lock is recognised, another host's is not touched."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from loralab.errors import UsageError
from loralab.run.lock import RunLock, holder_is_alive


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "LOCK"


def test_a_held_lock_names_its_holder_and_is_free_after_release(path: Path) -> None:
    lock = RunLock(path)
    assert not lock.stale and holder_is_alive(path)
    with pytest.raises(UsageError, match=f"pid {os.getpid()} on ") as caught:
        RunLock(path)
    assert caught.value.exit_code == 2 and str(path) in str(caught.value)
    lock.release()
    assert not path.exists() and not RunLock(path).stale


def test_the_lock_of_a_process_that_is_gone_is_taken_over(path: Path) -> None:
    code = f"from pathlib import Path; from loralab.run.lock import RunLock; RunLock(Path({str(path)!r}))"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert path.is_file() and not holder_is_alive(path)
    assert RunLock(path).stale
    assert json.loads(path.read_text("utf-8"))["pid"] == os.getpid()


def test_a_killed_process_that_nobody_has_asked_for_yet_is_gone(path: Path) -> None:
    """A run killed a moment ago was still called alive: its zombie had the number and the start time."""
    code = (
        f"from pathlib import Path; from loralab.run.lock import RunLock; RunLock(Path({str(path)!r}))\n"
        "import os; print('held', flush=True); os.read(0, 1)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
        assert holder_is_alive(path)
        holder.kill()
        os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)  # dead, and left as a zombie
        assert not holder_is_alive(path)
        assert RunLock(path).stale


def test_a_reused_process_number_is_not_taken_for_the_holder(path: Path) -> None:
    RunLock(path)
    holder = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps(holder | {"started": "1"}), "utf-8")
    assert not holder_is_alive(path) and RunLock(path).stale


def test_a_holder_on_another_host_is_taken_to_be_alive(path: Path) -> None:
    path.write_text(json.dumps({"pid": 1, "host": "elsewhere", "started": "1"}), "utf-8")
    with pytest.raises(UsageError, match="pid 1 on elsewhere"):
        RunLock(path)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"host": "x"}', '{"pid": "x"}'])
def test_a_lock_that_names_nobody_belongs_to_nobody(path: Path, content: str) -> None:
    path.write_text(content, "utf-8")
    assert not holder_is_alive(path) and RunLock(path).stale


def test_of_many_that_find_a_stale_lock_one_gets_it(path: Path) -> None:
    """Two could each remove what they took for the old lock, one of them the other's new one."""

    def take(_: int) -> RunLock | None:
        try:
            return RunLock(path)
        except UsageError:
            return None

    with ThreadPoolExecutor(8) as pool:
        for _ in range(20):
            path.write_text("", "utf-8")
            taken = [lock for lock in pool.map(take, range(8)) if lock]
            assert len(taken) == 1
            taken[0].release()


def test_releasing_leaves_another_holders_lock(path: Path) -> None:
    lock = RunLock(path)
    path.write_text(json.dumps({"pid": 1, "host": "elsewhere"}), "utf-8")
    lock.release()
    assert path.exists()
