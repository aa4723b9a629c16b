"""Fixtures of this room: a config file that is written and read, and the mistakes in one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from loralab.config import Config, load_config
from loralab.errors import EXIT_USAGE, UsageError


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str | bytes], Path]:
    def write(text: str | bytes) -> Path:
        path = tmp_path / "law.yaml"
        path.write_bytes(text.encode("utf-8") if isinstance(text, str) else text)
        return path

    return write


@pytest.fixture
def load(write: Callable[[str | bytes], Path]) -> Callable[..., Config]:
    def load(text: str | bytes, *overrides: str, **environment: str) -> Config:
        return load_config(write(text), overrides, {"HOME": "/home/somebody", **environment})

    return load


@pytest.fixture
def mistakes(load: Callable[..., Config], tmp_path: Path) -> Callable[..., list[str]]:
    """The problems of a config, one line each, without the folder it is in."""

    def mistakes(text: str | bytes, *overrides: str) -> list[str]:
        with pytest.raises(UsageError) as caught:
            load(text, *overrides)
        assert caught.value.exit_code == EXIT_USAGE
        return [
            f"{p.where.replace(f'{tmp_path}/', '')}: {p.what}" if p.where else str(p.what)
            for p in caught.value.problems
        ]

    return mistakes
