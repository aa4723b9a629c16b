"""Paths, patterns and folders as data files; what is not read is named."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from loralab.config.schema import DataConfig, DataSource
from loralab.data.load import Loaded, load_rows
from loralab.data.sources import expand, local_path, pinned
from loralab.errors import DataError, UsageError

ROW = b'{"input": "q", "output": "a"}'


def load(path: Path) -> Loaded:
    return load_rows(DataConfig(train=(str(path),)))


def test_paths_patterns_and_folders(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a.json", "sub/c.jsonl", "notes.md", "[x].json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(ROW)
    (tmp_path / "d.json").mkdir()

    def names(text: str) -> list[str]:
        return [str(f.path.relative_to(tmp_path)) for f in expand([str(tmp_path / text)])]

    assert names("notes.md") == ["notes.md"]
    assert names("[x].json") == ["[x].json"]
    assert names("") == ["[x].json", "a.json", "b.jsonl"]
    assert names("?.json*") == ["a.json", "b.jsonl"]
    assert names("**/*.jsonl") == ["b.jsonl", "sub/c.jsonl"]


def test_a_folder_drops_no_file_without_a_word(tmp_path: Path) -> None:
    for name in ("a.jsonl", "B.JSONL", "c.txt", "deeper/d.jsonl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(ROW)
    (tmp_path / "E.JSON.GZ").write_bytes(gzip.compress(ROW))
    loaded = load(tmp_path)
    assert [Path(f.path).name for f in loaded.found.files] == ["B.JSONL", "E.JSON.GZ", "a.jsonl"]
    assert len(loaded.rows) == 3
    assert loaded.found.passed_over == [tmp_path / "c.txt", tmp_path / "deeper"]
    assert load(tmp_path / "a.jsonl").found.passed_over == []


@pytest.mark.parametrize("name", ["b.csv", "b.TSV"])
def test_a_folder_holds_tables_too(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.jsonl").write_bytes(ROW)
    (tmp_path / name).write_bytes(
        b"input,output\nq,a\n" if name.endswith("csv") else b"input\toutput\nq\ta\n"
    )
    assert [row.conversation.question for row in load(tmp_path).rows] == ["q", "q"]


def test_a_folder_names_what_it_does_not_hold(tmp_path: Path) -> None:
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "._a.jsonl").write_bytes(b"AppleDouble")
    with pytest.raises(UsageError, match=r"holds no data file\n  next: check data\.test"):
        expand([str(tmp_path / "hidden")], "data.test")
    (tmp_path / "gone.jsonl").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UsageError, match=r"gone\.jsonl: is a link to a file that is not there"):
        expand([str(tmp_path)])


def test_what_is_no_file_is_refused_by_name(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jsonl")
    with pytest.raises(DataError, match=r"pipe\.jsonl"):
        load(tmp_path / "pipe.jsonl")


@pytest.mark.parametrize("text", ["no.json", "*.json", "/a/**b", "x" * 5000, "a\0b", "folder"])
def test_a_path_that_names_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(UsageError):
        expand([text])


def test_the_second_of_two_paths_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(ROW)
    with pytest.raises(UsageError, match=r"b\.json: no such data file"):
        expand([str(tmp_path / "a.json"), str(tmp_path / "b.json")])


def test_local_paths_are_pinned_as_they_are() -> None:
    config = DataConfig(train=("a.jsonl", DataSource("b.jsonl", 2.0)), test="t.jsonl", probes=3)
    assert pinned(config) == (config, [])
    assert local_path("/a/b.jsonl") == Path("/a/b.jsonl")
