"""A fault in, a run whose engine has it once it has been checked out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from loralab.train import execute as executing


def after_the_check(monkeypatch: pytest.MonkeyPatch, fault: Callable[[], None]) -> None:
    """Apply `fault` when the engine is chosen, so that it passes its check and then fails in a step."""
    real = executing._choose_engine

    def choose(*given: Any) -> Any:
        choice = real(*given)
        fault()
        return choice

    monkeypatch.setattr(executing, "_choose_engine", choose)
