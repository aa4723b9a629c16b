"""A forecast speaks of the whole run, by the pace of a few of its steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from loralab.train.forecast import forecast
from loralab.train.job import plan_job


@pytest.mark.parametrize("engine", ["fast", "plain"])
def test_tokens_and_answers_are_those_of_the_run(quick_config: Callable[..., Any], engine: str) -> None:
    job = plan_job(quick_config(f"train.engine={engine}", "train.epochs=1.5"))
    found = forecast(job)
    rows = job.prepared.token_rows(job.prepared.epoch)
    steps = range(1, job.order.total_steps + 1)
    tokens = sum(len(rows[i].encoded.ids) for step in steps for i in job.order.rows_of(step))
    assert found.engine == engine and found.steps == job.order.total_steps
    # half an epoch is reckoned as half of its tokens, whichever rows they are
    assert found.train_tokens == pytest.approx(tokens, rel=0.1)
    assert found.train_seconds == pytest.approx(found.train_tokens / found.tokens_per_second)
    assert found.answers == 3 * len(job.prepared.questions)  # before, epoch 1, and after
    assert found.answer_seconds is not None and found.answer_seconds > 0


def test_no_questions_no_forecast_of_answers(quick_config: Callable[..., Any]) -> None:
    found = forecast(
        plan_job(
            quick_config("data.probes=0", "evaluate.answers=0", "train.max_steps=1", "train.epochs=null")
        )
    )
    assert (found.answers, found.answer_seconds) == (0, None)
