"""An optional package that is not there is named with the extra that brings it."""

from __future__ import annotations

from pathlib import Path

import pytest

from loralab.errors import UsageError
from loralab.extras import is_installed, need


def test_what_is_missing_is_named_with_its_extra() -> None:
    with pytest.raises(UsageError) as refused:
        need("--on ray", "pytest", "no_such_package", extra="ray")
    assert refused.value.text().splitlines() == [
        "--on ray needs the package no_such_package, which is not installed",
        "  next: pip install 'loralab[ray]'",
    ]


def test_what_is_there_is_no_problem() -> None:
    need("tests", "pytest", extra="dev")


def test_a_folder_of_that_name_is_no_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "some_tracker").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    assert not is_installed("some_tracker")
