"""A base config whose model nobody loads, and studies of cells that a stand-in trains in no time."""

from __future__ import annotations

from pathlib import Path

import pytest

from doubles.studies import BASE, FAKE_COMMAND, WriteStudy
from loralab.study import train_cell


@pytest.fixture
def write_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WriteStudy:
    """write_study("axes: ..."): a study file beside base.yaml, in the working folder; the base may be another."""
    monkeypatch.chdir(tmp_path)

    def write(text: str, base: str = BASE, name: str = "ranks.yaml") -> Path:
        (tmp_path / "base.yaml").write_text(base, "utf-8")
        path = tmp_path / name
        path.write_text(f"base: base.yaml\n{text}", "utf-8")
        return path

    return write


@pytest.fixture
def fake_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells are trained by doubles/fake_cell.py, as processes of their own."""
    monkeypatch.setattr(train_cell, "COMMAND", FAKE_COMMAND)
