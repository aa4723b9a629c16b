"""Learning rates: those of transformers' schedulers, step by step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from loralab.config.schema import TrainConfig
from loralab.train.schedule import learning_rate


def reference(name: str, warmup: int, total: int, peak: float) -> list[float]:
    import torch
    import transformers

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=peak)
    make: Callable[..., Any] = getattr(transformers, f"get_{name}_schedule_with_warmup")
    scheduler = make(optimizer, warmup) if name == "constant" else make(optimizer, warmup, total)
    rates = []
    for _ in range(total):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


@pytest.mark.parametrize("warmup", [0, 1, 7, 30, 50])
@pytest.mark.parametrize("name", ["linear", "cosine", "constant"])
def test_rates_are_those_of_transformers(name: str, warmup: int) -> None:
    config = TrainConfig(learning_rate=3e-4, schedule=name, warmup_steps=warmup)  # type: ignore[arg-type]
    rates = [learning_rate(step, 30, config) for step in range(1, 31)]
    assert rates == pytest.approx(reference(name, warmup, 30, 3e-4), rel=1e-12, abs=1e-18)


def test_the_last_step_of_a_linear_run_still_learns() -> None:
    assert learning_rate(626, 626, TrainConfig()) == pytest.approx(1e-4 / 626)
