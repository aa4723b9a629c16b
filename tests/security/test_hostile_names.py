"""Names of runs, projects and folders: a run folder is always one new folder inside of run.dir."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from doubles.hostile import FORGED, NASTY, OBEYED
from loralab.config import make_config
from loralab.errors import UsageError
from loralab.run.folder import create_run_folder
from loralab.track.swanlab import project_name
from loralab.train.job import run_name

NAMES = ["../x", "/etc/passwd", "a/../../b", "..", ".", "", " ", "a\nb", "a\0b", "😀" * 300, "法" * 300, "x" * 300, "-rf", "con",
         "NUL.txt", ".hidden", "~", "$HOME", "\ud800", "..\\..\\x", "C:\\x", "a:b*?<>|", "0001-x", "𠀀" * 300, "ﷺ" * 99, NASTY, FORGED]  # fmt: skip
NUMBER = itertools.count()


def refuse_escape(parent: Path, name: str) -> None:
    before = set(parent.parent.iterdir())
    made = create_run_folder(parent, name).path
    assert made.parent == parent and made.is_dir() and made.resolve().parent == parent.resolve()
    assert set(parent.parent.iterdir()) == before | {parent} and len(made.name.encode()) <= 255
    assert (
        not OBEYED.search(made.name)
        and not set(made.name) & set('/\\:*?"<>|\n ')
        and not made.name.endswith(".")
    )


@given(st.text(max_size=400))
@example("\U00020000" * 400)
def test_a_run_folder_lies_in_run_dir_whatever_its_name(
    tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    parent = tmp_path_factory.getbasetemp() / "escapes" / str(next(NUMBER)) / "runs"
    parent.parent.mkdir(parents=True)
    refuse_escape(parent, name)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("key", ["run.name", "model.name", "data.train", "track.project"])
def test_hostile_names_in_a_config(tmp_path: Path, name: str, key: str) -> None:
    base = {"model.name": "owner/name", "data.train": "rows.jsonl"}
    given_name = {"data.train": f"{name}.jsonl"}.get(key, name)
    try:
        config = make_config([f"{k}={v}" for k, v in {**base, key: given_name}.items()])
    except UsageError as error:
        assert not OBEYED.search(error.text())
        return
    (tmp_path / "box").mkdir()
    refuse_escape(tmp_path / "box" / "runs", run_name(config))
    project = project_name(config.track.project)
    assert 0 < len(project) <= 100 and project.isascii() and not set(project) & set("/\\\n ")


def test_a_run_dir_from_a_link_is_followed_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "0001-x").symlink_to(tmp_path / "elsewhere")
    made = create_run_folder(tmp_path / "runs", "x").path
    assert made.name == "0002-x" and list((tmp_path / "elsewhere").iterdir()) == []
