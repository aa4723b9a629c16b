"""Tuning the allocator: only where it is known, and said truly."""

from __future__ import annotations

import ctypes
import platform

import pytest

from loralab.engine.fast.malloc import SETTINGS, tune_malloc


class Library:
    def __init__(self, answer: int) -> None:
        self.answer, self.calls = answer, []  # type: ignore[var-annotated]

    def mallopt(self, parameter: int, value: int) -> int:
        self.calls.append((parameter, value))
        return self.answer


@pytest.mark.parametrize(("answer", "expected"), [(1, "tuned"), (0, "default")])
def test_it_is_tuned_where_glibc_took_the_settings(
    monkeypatch: pytest.MonkeyPatch, answer: int, expected: str
) -> None:
    library = Library(answer)
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.39"))
    monkeypatch.setattr(ctypes, "CDLL", lambda name: library)
    assert tune_malloc("cpu") == expected
    assert dict(library.calls) == SETTINGS


@pytest.mark.parametrize(("device", "library"), [("cuda", "glibc"), ("cpu", ""), ("cpu", "musl")])
def test_elsewhere_it_is_left_alone(monkeypatch: pytest.MonkeyPatch, device: str, library: str) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: (library, ""))
    monkeypatch.setattr(ctypes, "CDLL", lambda name: pytest.fail("the library was touched"))
    assert tune_malloc(device) == "default"
