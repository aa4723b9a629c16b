"""Models from both hubs: which files are taken, what is refused, and the command."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from doubles.hubs import COMMIT, REPOSITORY, HubDouble
from doubles.model_folder import model_files, safetensors
from loralab.cli.fetch import fetch as fetch_command
from loralab.errors import UsageError
from loralab.hub.base import HubFailed
from loralab.model.fetch import fetch

WEIGHTS = "model.safetensors"


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a folder that are not a client's own."""
    names = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    return {name: path.read_bytes() for name, path in names.items() if not name.startswith(".")}


def test_gets_the_files_a_model_needs_and_no_others(hub: HubDouble, source: str) -> None:
    wanted = dict(hub.files)
    hub.files |= {
        "pytorch_model.bin": b"pickle", "original/params.json": b"{}", "modeling_x.py": b"print()",
        "onnx/model.safetensors": safetensors("a"), "consolidated.safetensors": safetensors("a"),
    }  # fmt: skip
    located = fetch(REPOSITORY, source)
    assert contents(located.folder) == wanted
    assert (located.origin, located.revision) == (source, COMMIT if source == "huggingface" else "master")


@pytest.mark.parametrize(
    ("missing", "message"), [(WEIGHTS, "no safetensors weights"), ("config.json", "no config.json")]
)
def test_a_repository_without_what_it_takes_is_refused_before_a_file_is_sent(
    hub: HubDouble, source: str, missing: str, message: str
) -> None:
    del hub.files[missing]
    hub.files["pytorch_model.bin"] = b"pickle"
    with pytest.raises(HubFailed, match=message):
        fetch(REPOSITORY, source)
    assert hub.sent("tokenizer.json") == []


# ---------------------------------------------------------------------------------------- the command


def test_the_command_prints_the_folder_alone_on_stdout(hub: HubDouble, source: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(
        fetch_command, [REPOSITORY, "--source", source, "--to", str(tmp_path / "mine")]
    )
    assert result.stdout == f"{tmp_path / 'mine'}\n"
    lines = result.stderr.splitlines()
    assert lines[-1] == f"next: loralab train CONFIG model.name={tmp_path / 'mine'}"
    percents = [int(line.split()[0]) for line in lines if " % of " in line]
    assert percents == sorted(set(percents))
    assert percents[-1] == 100
    assert "\r" not in result.output


def test_the_clients_say_nothing_of_their_own(hub: HubDouble, source: str, tmp_path: Path) -> None:
    hub.cut = {WEIGHTS: 1}  # a retry is what they like to warn of
    program = "from loralab.cli.fetch import fetch; fetch()"
    arguments = [REPOSITORY, "--source", source, "--to", str(tmp_path / "mine")]
    result = subprocess.run(
        [sys.executable, "-c", program, *arguments], check=True, capture_output=True, text=True
    )
    said = re.compile(rf"\d+ % of .*|{REPOSITORY} is complete|next: loralab train .*")
    assert [line for line in result.stderr.splitlines() if not said.fullmatch(line)] == []


def test_the_command_lists_every_file_with_its_checksum(hub: HubDouble, source: str, tmp_path: Path) -> None:
    arguments = [REPOSITORY, "--source", source, "--to", str(tmp_path / "mine"), "--json"]
    document = json.loads(CliRunner().invoke(fetch_command, arguments).stdout)
    expected = [
        {"path": p, "bytes": len(d), "sha256": hashlib.sha256(d).hexdigest()}
        for p, d in sorted(hub.files.items())
    ]
    assert document == {
        "folder": str(tmp_path / "mine"), "source": source,
        "revision": COMMIT if source == "huggingface" else "master",
        "files": expected, "bytes": sum(map(len, hub.files.values())),
    }  # fmt: skip


def test_the_command_refuses_a_model_that_is_not_whole(huggingface: HubDouble) -> None:
    huggingface.files = model_files(["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"])
    del huggingface.files["model-00002-of-00002.safetensors"]
    result = CliRunner().invoke(fetch_command, [REPOSITORY])
    assert isinstance(result.exception, UsageError)
    assert "model-00002-of-00002.safetensors: weight file is missing" in str(result.exception)
    assert result.stdout == ""


def test_the_command_refuses_a_path(huggingface: HubDouble) -> None:
    result = CliRunner().invoke(fetch_command, ["./model"])
    assert isinstance(result.exception, UsageError)
    assert huggingface.requests == []
