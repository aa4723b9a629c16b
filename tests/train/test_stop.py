"""Requests to stop: what ends the step, what ends the run after it."""

from __future__ import annotations

import signal

import pytest

from loralab.errors import Interrupted
from loralab.train.stop import StopRequest

INT, TERM = signal.SIGINT, signal.SIGTERM


@pytest.mark.parametrize(
    ("signals", "number", "in_step"),
    [([INT], INT, False), ([TERM], TERM, True), ([INT, INT], INT, True), ([INT, TERM], TERM, True), ([TERM, INT], TERM, True)],
)  # fmt: skip
def test_what_ends_a_step(signals: list[int], number: int, in_step: bool) -> None:
    stop = StopRequest()
    stop.in_step()
    stop.between_steps()
    for each in signals:
        stop.ask(each)
    with pytest.raises(Interrupted) as caught:
        stop.between_steps()
    assert caught.value.signal_number == number and caught.value.exit_code == 128 + number
    if in_step:
        with pytest.raises(Interrupted):
            stop.in_step()
    else:
        stop.in_step()
