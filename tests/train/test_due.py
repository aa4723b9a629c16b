"""After each step one evaluation is due, or none, whatever else falls on it."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from loralab.config.schema import EvaluateConfig
from loralab.train.due import LOSS_ALONE, due_after
from loralab.train.order import StepOrder

STAGES = ((), ("before",), ("after",), ("epoch",), ("before", "epoch", "after"))
orders = st.builds(
    StepOrder, num_rows=st.integers(1, 12), step_rows=st.integers(1, 4), total_steps=st.integers(1, 30),
    seed=st.just(0), shuffle=st.just(False),
)  # fmt: skip
settings = st.builds(
    lambda stages, every: replace(EvaluateConfig(), stages=stages, heldout_every_steps=every),
    st.sampled_from(STAGES), st.none() | st.integers(1, 10),
)  # fmt: skip


@given(orders, settings)
def test_stages_come_at_the_end_of_epochs_and_loss_alone_elsewhere(
    order: StepOrder, evaluate: EvaluateConfig
) -> None:
    every, steps = evaluate.heldout_every_steps, range(1, order.total_steps + 1)
    due = {step: due_after(step, order, evaluate) for step in steps}
    stages = [step for step in steps if (due[step] or "").startswith("epoch-")]
    ends = list(range(order.epoch_steps, order.total_steps + 1, order.epoch_steps))
    assert stages == (ends if "epoch" in evaluate.stages else [])
    assert [due[step] for step in stages] == [f"epoch-{n}" for n in range(1, len(stages) + 1)]
    for step in steps:
        if every and step % every == 0:
            assert due[step], "what is due is measured, by the stage or alone"
        elif due[step] == LOSS_ALONE:
            assert step == order.total_steps
    assert bool(due[order.total_steps]) == bool(evaluate.stages or every), "the last step can be chosen"


@given(orders, settings)
def test_before_training_only_its_stage_is_due(order: StepOrder, evaluate: EvaluateConfig) -> None:
    assert due_after(0, order, evaluate) == ("before" if "before" in evaluate.stages else None)
