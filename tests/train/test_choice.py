"""The best step and the end of training follow from the evaluations alone."""

from __future__ import annotations

import math
import typing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loralab.config.schema import BestBy
from loralab.evaluate.general.task import GENERAL
from loralab.evaluate.heldout import answer_rows
from loralab.train.choice import LOSS, METRICS, Metric, best_step, not_better

ROUGE = METRICS["rouge_l"]
numbers = st.one_of(st.integers(0, 3).map(float), st.floats(0, 9), st.sampled_from([math.nan, math.inf]))
courses = st.dictionaries(st.integers(1, 50), numbers, max_size=12)
metrics = st.sampled_from([LOSS, ROUGE])


def finite(values: dict[int, float]) -> dict[int, float]:
    return {step: value for step, value in values.items() if math.isfinite(value)}


@given(courses, metrics)
def test_no_step_is_better_than_the_best_and_none_that_is_equal_comes_later(
    values: dict[int, float], metric: Metric
) -> None:
    best = best_step(values, metric)
    assert (best is None) == (not finite(values))
    for step, value in finite(values).items():
        assert best is not None and not metric.better(value, values[best])
        assert value != values[best] or step <= best


@given(courses, metrics)
def test_the_count_grows_by_one_for_each_evaluation_until_a_better_one(
    values: dict[int, float], metric: Metric
) -> None:
    """Told step by step, as a run does it, without looking back."""
    best, count, sofar = None, 0, {}
    for step in sorted(values):
        value = sofar[step] = values[step]
        if math.isfinite(value) and (best is None or metric.better(value, best)):
            best, count = value, 0
        elif best is not None:
            count += 1
        assert not_better(sofar, metric) == count


@given(courses)
def test_a_score_is_a_loss_turned_round(values: dict[int, float]) -> None:
    negative = {step: -value for step, value in values.items()}
    assert best_step(values, LOSS) == best_step(negative, ROUGE)
    assert not_better(values, LOSS) == not_better(negative, ROUGE)


@given(courses, metrics, st.randoms())
def test_the_order_in_which_values_became_known_does_not_matter(
    values: dict[int, float], metric: Metric, random: typing.Any
) -> None:
    steps = list(values)
    random.shuffle(steps)
    mixed = {step: values[step] for step in steps}
    assert best_step(mixed, metric) == best_step(values, metric)
    assert not_better(mixed, metric) == not_better(values, metric)


def test_every_word_of_the_config_has_its_metric() -> None:
    assert {*METRICS, "last"} == set(typing.get_args(BestBy))


def test_the_metrics_are_called_as_scores_call_them() -> None:
    text = "根据《中华人民共和国民法典》第五百七十七条，应当承担违约责任。"
    answer = {"id": "a", "set": "test", "seen": False, "question": "q", "answer": text, "reference": text}
    rows = {(row["task"], row["metric"]) for row in answer_rows([answer])}
    scored = {(m.task, m.name) for m in METRICS.values() if m != LOSS}
    assert scored <= rows | {(GENERAL.name, GENERAL.metric)}


@pytest.mark.parametrize(("metric", "best"), [(LOSS, 1), (ROUGE, 3)])
def test_an_example(metric: Metric, best: int) -> None:
    assert best_step({1: 0.1, 2: 0.2, 3: 0.3, 4: math.nan}, metric) == best
