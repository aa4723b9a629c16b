"""`--devices` on the command line: what is refused before any process is started, and the exit code of the whole."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from doubles.command import invoke
from doubles.job_files import write_job
from loralab.cli import ranked
from loralab.cli.console import Console
from loralab.cli.leave import leave

MEETING = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_job(tmp_path, tmp_path / "model")


@pytest.mark.parametrize(
    ("environment", "words", "said"),
    [
        ({"WORLD_SIZE": "2", "RANK": "0", **MEETING}, ("--devices", "3"), "--devices is 3, but WORLD_SIZE is 2"),
        ({"WORLD_SIZE": "2", "RANK": "1"}, (), "MASTER_ADDR, MASTER_PORT is not set"),
        ({}, ("--devices", "2", "train.epoch=1"), "train.epoch; did you mean epochs?"),
        ({}, ("--devices", "0"), "--devices"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_once_and_before_any_process_starts(
    config: Path,
    environment: dict[str, str],
    words: tuple[str, ...],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ranked, "_launch", pytest.fail)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    found = invoke("train", config, *words, f"run.dir={config.parent / 'runs'}")
    assert found.code == 2 and found.err.count(said) >= 1 and "Traceback" not in found.err
    assert not (config.parent / "runs").exists()


@pytest.mark.parametrize("verb", ["train", "resume"])
def test_the_same_command_line_runs_in_each_process(
    config: Path, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torch.distributed import run as torchrun

    given = []
    monkeypatch.setattr(torchrun, "run", given.append)
    for name in ("OMP_NUM_THREADS", "GLOO_SOCKET_IFNAME", "TORCH_ELASTIC_SHUTDOWN_TIMEOUT"):
        monkeypatch.setenv(name, "1")  # set, so that what is set by default does not stay
    assert invoke(verb, config, "--devices", "2", "--json").code == 0
    (words,) = given
    assert (words.nproc_per_node, words.max_restarts, words.standalone) == ("2", 0, True)
    assert words.module and words.training_script == "loralab"
    assert words.training_script_args == [verb, str(config), "--devices", "2", "--json"]


@dataclass
class Failure:
    """How torchrun tells of a process that failed."""

    exitcode: int


class Failed:
    """What torchrun raises."""

    def __init__(self, **codes: int) -> None:
        self.failures = {int(name[1:]): Failure(code) for name, code in codes.items()}

    def get_first_failure(self) -> tuple[int, Failure]:
        return next(iter(self.failures.items()))


@pytest.mark.parametrize(
    ("failed", "code", "said"),
    [
        (Failed(r0=3), 3, ""),
        (Failed(r1=1, r0=4), 4, ""),
        (Failed(r1=1), 1, ""),
        (Failed(r1=-9), 1, "process 1 of 2 was ended by SIGKILL"),
        (Failed(r0=-9), 1, "process 0 of 2 was ended by SIGKILL"),
        (Failed(r1=-9, r0=143), 143, "process 1 of 2 was ended by SIGKILL"),
    ],
)
def test_the_exit_code_is_that_of_the_first_process(
    failed: Failed, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ranked._failed(failed, 2, Console("en")) == code
    err = capsys.readouterr().err
    assert said in err and bool(err) == bool(said)
    assert ("loralab resume RUN --devices 2" in err) == (failed.failures.get(0) == Failure(-9))


def test_a_process_whose_group_is_still_there_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its end aborted, or hung, in gloo."""
    import torch.distributed as dist

    ended: list[int] = []
    monkeypatch.setattr(os, "_exit", ended.append)
    monkeypatch.setattr(dist, "is_initialized", lambda: True)
    with pytest.raises(SystemExit):
        leave(4)
    monkeypatch.setattr(dist, "is_initialized", lambda: False)
    monkeypatch.setattr(sys, "exit", lambda code: ended.append(-code))
    leave(3)
    assert ended == [4, -3]
