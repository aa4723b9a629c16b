"""What a manifest says of machine and software."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from loralab.train import environment
from loralab.train.environment import git_state, hardware, peak_bytes, slow_format, versions


def test_versions_of_what_can_change_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "PACKAGES", ("torch", "no-such-package"))
    found = versions()
    assert set(found) == {"python", "torch", "no-such-package"}
    assert found["no-such-package"] is None and str(found["torch"])[0].isdigit()


def test_hardware_is_plain_values() -> None:
    found = hardware()
    assert found["threads"] >= 1 and found["cores"] >= 1 and isinstance(found["gpus"], list)
    assert peak_bytes("cpu") > 1 << 24


def test_outside_of_a_repository_there_is_no_commit(tmp_path: Path) -> None:
    assert git_state(tmp_path) is None


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_commit_and_dirty_flag_of_the_users_repository(tmp_path: Path) -> None:
    def git(*words: str) -> str:
        names = ["-c", "user.name=n", "-c", "user.email=e@example.org"]
        return subprocess.run(
            ["git", *names, *words], cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout.strip()

    git("init", "--quiet")
    assert git_state(tmp_path) is None, "no commit yet"
    git("commit", "--quiet", "--allow-empty", "-m", "first")
    assert git_state(tmp_path) == {"commit": git("rev-parse", "HEAD"), "dirty": False}
    (tmp_path / "new").write_text("")
    state = git_state(tmp_path)
    assert state is not None and state["dirty"]


def test_a_machine_without_git_has_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_state(tmp_path) is None


@pytest.mark.parametrize(
    ("features", "dtype", "device", "slow"),
    [
        (["avx2"], "bfloat16", "cpu", True), (["avx512f"], "bfloat16", "cpu", True),
        (["avx512_bf16"], "bfloat16", "cpu", False), (["amx_bf16"], "bfloat16", "cpu", False),
        (["avx2"], "float32", "cpu", False), (["avx2"], "bfloat16", "cuda", False),
    ],
)  # fmt: skip
def test_a_number_format_without_instructions_is_said_to_be_slow(
    monkeypatch: pytest.MonkeyPatch, features: list[str], dtype: str, device: str, slow: bool
) -> None:
    monkeypatch.setattr(environment, "cpu_features", lambda: features)
    monkeypatch.setattr(environment.sys, "platform", "linux")
    monkeypatch.setattr(environment.platform, "machine", lambda: "x86_64")
    assert (slow_format(dtype, device) is not None) == slow
    monkeypatch.setattr(environment.platform, "machine", lambda: "aarch64")  # of those it is not known
    assert slow_format(dtype, device) is None
