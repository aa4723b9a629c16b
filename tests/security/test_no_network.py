"""Nobody is told of a run: switches against telemetry are set, nothing is connected to, servers stay on this machine."""

from __future__ import annotations

import ast
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import loralab
from doubles.command import invoke
from loralab.cli.main import SWITCHES
from loralab.track import swanlab, wandb

PACKAGE = Path(loralab.__file__).parent


@pytest.mark.parametrize("name", SWITCHES)
def test_each_switch_is_set_unless_the_user_has_set_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for given, found in ((None, SWITCHES[name]), ("mine", "mine")):
        for other in SWITCHES:
            monkeypatch.setenv(other, "x")  # so that it is put back
            monkeypatch.delenv(other)
        if given:
            monkeypatch.setenv(name, given)
        invoke("ls", tmp_path)
        assert os.environ[name] == found


def test_trackers_inherit_the_switches(tmp_path: Path) -> None:
    child = swanlab.child_environment(SWITCHES, tmp_path)
    assert SWITCHES.items() <= child.items()
    child = wandb.child_environment({**SWITCHES, "WANDB_ERROR_REPORTING": "true"}, tmp_path, tmp_path)
    assert SWITCHES.items() <= child.items() and child["WANDB_MODE"] == "offline"


def test_a_run_connects_to_nobody_and_records_no_password(
    quick_config: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from loralab import api

    asked: list[object] = []

    def refuse(self: socket.socket, address: object) -> None:
        asked.append(address)
        raise OSError("no network here")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *address, **_: asked.append(address) or [])
    command = ["loralab", "train", "x.yaml", "--note=https://me:s3cr3t@host"]
    run = api.train(quick_config("train.max_steps=1", "evaluate.stages=[after]"), command=command)
    assert asked == []
    assert run.manifest["command"][-1] == "--note=https://***@host"
    assert not any(b"s3cr3t" in path.read_bytes() for path in run.folder.path.rglob("*") if path.is_file())


EVERYWHERE = {"0.0.0.0", "::", "[::]"}


def addresses_in(text: str) -> set[str]:
    """Those strings of a source file that stand for every address of the machine."""
    if not any(address in text for address in EVERYWHERE):
        return set()  # nothing to parse for
    strings = {node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant)}
    return {address for address in EVERYWHERE if address in strings}


def test_no_server_listens_beyond_this_machine() -> None:
    assert {path for path in PACKAGE.rglob("*.py") if addresses_in(path.read_text("utf-8"))} == set()


@pytest.mark.parametrize("source", ['serve("0.0.0.0")', "serve(host='::')", 'f(\n    ["[::]"])'])
def test_such_an_address_is_seen(source: str) -> None:
    assert addresses_in(source) and not addresses_in("rows[::2]  # not 0.0.0.0")
