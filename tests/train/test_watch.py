"""Losses that leave their level for good are told from noise; an adapter that stays where it began is seen."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loralab.train.watch import (
    IN_A_ROW,
    LEAST_WINDOW,
    LossWatch,
    moved,
    sample,
    step_to_look,
    unmoved_words,
    watch_of,
)

STEADY = [2.0, 1.8, 1.7, 1.9, 1.6] * 5


def first_alarm(losses: list[float]) -> int | None:
    """The step, from 1, after which training is said to diverge."""
    watch = LossWatch()
    return next((i for i, loss in enumerate(losses, 1) if watch.add(loss)), None)


def test_a_loss_that_doubles_and_stays_there_is_seen_after_twenty_steps() -> None:
    assert first_alarm([*STEADY, *[3.7] * 30]) == len(STEADY) + IN_A_ROW
    assert first_alarm([*STEADY, *[3.1] * 30]) is None, "less than twice the lowest median"


def test_a_slow_rise_is_measured_against_the_lowest_level_not_the_latest() -> None:
    alarm = first_alarm([*STEADY, *[1.7 + 0.02 * i for i in range(400)]])
    assert alarm is not None and 1.7 + 0.02 * (alarm - len(STEADY)) < 4


def test_single_bad_steps_are_no_divergence() -> None:
    losses = [100.0 if i % IN_A_ROW == 0 else loss for i, loss in enumerate(STEADY * 20)]
    assert first_alarm(losses) is None


def test_nothing_is_said_before_there_is_a_level_to_compare_with() -> None:
    assert first_alarm([1.0] * (LEAST_WINDOW - 1) + [50.0] * IN_A_ROW) is None
    assert first_alarm([1.0] * LEAST_WINDOW + [50.0] * IN_A_ROW) == LEAST_WINDOW + IN_A_ROW


def test_losses_of_what_is_known_by_heart_may_double() -> None:
    assert first_alarm([0.01] * 30 + [0.15] * 30) is None
    assert first_alarm([0.01] * 30 + [0.25] * 30) == 30 + IN_A_ROW


@given(st.integers(0, 1 << 32), st.floats(0.5, 3))
def test_noise_of_steps_with_few_rows_raises_no_alarm(seed: int, level: float) -> None:
    """Lognormal with a deviation of 0.7: a step in six lies above twice the median."""
    chance = random.Random(seed)
    assert first_alarm([level * chance.lognormvariate(0, 0.7) for _ in range(500)]) is None


@given(st.lists(st.floats(0.1, 20), max_size=80), st.integers(0, 80))
def test_a_watch_that_goes_on_is_the_one_that_was_not_broken_off(losses: list[float], cut: int) -> None:
    resumed, whole = watch_of(losses[:cut]), LossWatch()
    alarms = [whole.add(loss) for loss in losses]
    assert [resumed.add(loss) for loss in losses[cut:]] == alarms[cut:] and resumed == whole


def test_how_far_an_adapter_has_come() -> None:
    import torch

    parameters = {
        "x.lora_A.w": torch.ones(4, 3),
        "x.lora_B.w": torch.zeros(3000),
        "y.lora_B.w": torch.zeros(2, 2),
    }
    start = sample(parameters)
    assert set(start) == {"x.lora_B.w", "y.lora_B.w"}
    parameters["x.lora_A.w"] += 1
    assert moved(start, sample(parameters)) == 0.0, "A alone changes nothing"
    parameters["y.lora_B.w"] += 3e-4
    assert moved(start, sample(parameters)) == pytest.approx(3e-4 * (4 / 1028) ** 0.5)


def test_an_adapter_that_stays_is_told_from_one_that_moves() -> None:
    words = unmoved_words(10, 0.0)
    assert words and "after step 10 the adapter is where it began (B has moved by 0)" in str(words)
    assert unmoved_words(10, 9e-8) and unmoved_words(10, 1e-6) is None


def test_the_adapter_is_looked_at_after_the_warm_up_or_at_the_end() -> None:
    assert (step_to_look(0, 500), step_to_look(100, 500), step_to_look(100, 60)) == (10, 110, 60)
