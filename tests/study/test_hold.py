"""A hold lives as long as the last process that has it, and no longer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from loralab.study.hold import Held, holding, is_held


def test_one_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "HOLD"
    assert not is_held(path) and not path.exists(), "looking writes nothing"
    with holding(path):
        assert is_held(path)
        with pytest.raises(Held), holding(path):
            pass
        assert is_held(path), "who was refused took nothing away"
    assert not is_held(path)
    with holding(path):
        pass


def test_a_child_keeps_the_hold_of_a_parent_that_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "HOLD"
    with holding(path) as descriptor:
        child = subprocess.Popen(
            [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(descriptor,)
        )
    assert is_held(path)
    child.kill()
    child.communicate()
    assert not is_held(path)
