"""Signals: once to finish the step, twice to leave it, three times to stop wherever it is."""

from __future__ import annotations

import contextlib
import signal

import pytest

from loralab.cli.console import Console
from loralab.cli.signals import listening
from loralab.errors import Interrupted


def test_ctrl_c_once_twice_and_three_times(capsys: pytest.CaptureFixture[str]) -> None:
    with listening(Console("en")) as stop:
        signal.raise_signal(signal.SIGINT)
        stop.in_step()
        assert capsys.readouterr().err == "stopping after this step; Ctrl-C again stops now\n"
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(Interrupted):
            stop.in_step()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert capsys.readouterr().err == ""


def test_sigterm_leaves_the_step(capsys: pytest.CaptureFixture[str]) -> None:
    with listening(Console("en")) as stop:
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(Interrupted) as caught:
            stop.in_step()
    assert caught.value.exit_code == 143


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_preparations_end_where_they_are(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    with listening(Console("en")) as stop:
        reached = ["before"]
        with pytest.raises(Interrupted) as caught, stop.anywhere():
            signal.raise_signal(number)
            reached.append("after")
    assert caught.value.signal_number == number and reached == ["before"]
    assert capsys.readouterr().err == ""  # there is no step to be finished


def test_a_library_may_swallow_or_change_the_end_of_preparations() -> None:
    swallowed = contextlib.suppress(Exception)
    with listening(Console("en")) as stop, pytest.raises(Interrupted), stop.anywhere(), swallowed:
        signal.raise_signal(signal.SIGTERM)
    with listening(Console("en")) as stop, pytest.raises(Interrupted) as caught, stop.anywhere():
        try:
            signal.raise_signal(signal.SIGTERM)
        except Interrupted as error:
            raise RuntimeError("failed to import") from error
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_errors_of_preparations_are_their_own() -> None:
    with listening(Console("en")) as stop, pytest.raises(ZeroDivisionError), stop.anywhere():
        _ = 1 // 0
    assert not stop.is_anywhere


def test_the_old_handlers_come_back() -> None:
    before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(RuntimeError), listening(Console("en")):
        assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] != before
        raise RuntimeError
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == before
