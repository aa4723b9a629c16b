"""Settings that this run could never follow are refused before it starts, all of them at once."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loralab.config import make_config
from loralab.config.schema import Config
from loralab.data.conversation import Conversation, Message
from loralab.errors import EXIT_USAGE, UsageError
from loralab.evaluate.questions import Question
from loralab.train.choice import LOSS, not_better
from loralab.train.choice_check import refuse_choice
from loralab.train.due import due_after
from loralab.train.order import StepOrder

CITING = "根据《中华人民共和国民法典》第五百七十七条，应当承担违约责任。"
PLAIN = "可以要求赔偿。"


def config(*overrides: str) -> Config:
    return make_config(["model.name=owner/name", "data.train=hf://owner/name/a.jsonl", *overrides])


def asked(reference: str, seen: bool = False, of: Literal["probe", "test", "general"] = "test") -> Question:
    return Question("a", of, seen, Conversation((Message("user", "q"), Message("assistant", reference))))


def order(total: int, epoch: int = 5) -> StepOrder:
    return StepOrder(num_rows=epoch, step_rows=1, total_steps=total, seed=0, shuffle=False)


def refusals(setting: Config, steps: StepOrder, test_rows: int = 9, *questions: Question) -> list[str]:
    try:
        refuse_choice(setting, steps, test_rows, questions)
    except UsageError as error:
        assert error.exit_code == EXIT_USAGE
        return [problem.text() for problem in error.problems]
    return []


def test_the_defaults_are_never_refused() -> None:
    assert refusals(config(), order(10)) == refusals(config(), order(1), 0) == []


def test_nothing_to_measure_is_refused() -> None:
    (said,) = refusals(config("evaluate.heldout_every_steps=2"), order(10), 0)
    assert said.startswith("evaluate.heldout_every_steps: there are no test rows")
    assert len(refusals(config("train.stop_after_worse_evaluations=1"), order(20), 0)) == 1
    (said,) = refusals(config("evaluate.heldout_every_steps=11"), order(10))
    assert "is 11, but the run has 10 steps" in said
    assert refusals(config("evaluate.heldout_every_steps=10"), order(10)) == []


@pytest.mark.parametrize(
    ("metric", "question", "given_a_value"),
    [
        ("rouge_l", asked(PLAIN), True), ("rouge_l", asked(PLAIN, seen=True), False),
        ("exact_match", asked(PLAIN, of="general"), False), ("citation_f1", asked(PLAIN), False),
        ("citation_f1", asked(CITING), True), ("citation_f1", asked(CITING, seen=True), False),
        ("general", asked(PLAIN), True),
    ],
)  # fmt: skip
def test_a_score_needs_a_question_that_gives_it(metric: str, question: Question, given_a_value: bool) -> None:
    said = refusals(config(f"evaluate.best_by={metric}"), order(10), 9, question)
    assert (said == []) == given_a_value
    assert all(f"is {metric}, but no answered question" in text for text in said)


def test_a_score_needs_an_epoch_that_ends() -> None:
    (said,) = refusals(config("evaluate.best_by=rouge_l"), order(4), 9, asked(PLAIN))
    assert "training ends within the first" in said


@given(
    total=st.integers(1, 25), patience=st.integers(1, 8), every=st.none() | st.integers(1, 6),
    stages=st.sampled_from(["[epoch]", "[]", "[before, epoch, after]"]),
)  # fmt: skip
def test_stopping_is_refused_just_where_ever_worse_losses_would_not_stop_it(
    total: int, patience: int, every: int | None, stages: str
) -> None:
    """Losses that rise from the first measurement on stop a run as early as any can."""
    if every is None and stages == "[]":
        return  # refused by the config alone
    setting = config(
        f"train.stop_after_worse_evaluations={patience}", f"evaluate.heldout_every_steps={every or 'null'}",
        f"evaluate.stages={stages}",
    )  # fmt: skip
    steps, values, stopped = order(total), dict[int, float](), False
    for step in range(1, total):
        if due_after(step, steps, setting.evaluate):
            values[step] = float(step)
        stopped = stopped or not_better(values, LOSS) >= patience
    said = [text for text in refusals(setting, steps) if "could never act" in text]
    assert bool(said) != stopped
