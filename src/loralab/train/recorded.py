"""A run that was broken off in, the evaluations that it has made already out."""

from __future__ import annotations

from loralab.run.view import Run
from loralab.train.choice import LOSS, Metric
from loralab.train.due import LOSS_ALONE
from loralab.train.order import StepOrder


def recorded_values(run: Run, metric: Metric, order: StepOrder, until: int) -> dict[int, float]:
    """The values of a metric by step, of trained states up to a step, as they are in force."""
    if metric == LOSS:
        events = run.record.held_out()
        return {e["step"]: float(e["loss"]) for e in events if 0 < e["step"] <= until}
    found = {}
    for step in range(order.epoch_steps, until + 1, order.epoch_steps):
        stage = f"epoch-{order.epoch_of(step)}"
        value = stage_value(run, stage, metric) if is_evaluated(run, stage, step) else None
        if value is not None:
            found[step] = value
    return found


def stage_value(run: Run, stage: str, metric: Metric) -> float | None:
    """What a stage's scores say of a metric; None if they do not have it, or no answer counts."""
    value = run.scores(stage).get(metric.task, {}).get(metric.name, {}).get("value")
    return None if value is None else float(value)


def is_evaluated(run: Run, due: str, step: int) -> bool:
    """Whether what is due after a step was done in that state, as seen from where the run stands now."""
    if due == LOSS_ALONE:
        return any(event["step"] == step for event in run.record.held_out())
    return _stands(run, "stage_finished", "stage", due, step) and run.folder.scores(due).is_file()


def best_is_told(run: Run, step: int) -> bool:
    """Whether the record says that this step is the best so far, as seen from where the run stands now."""
    return _stands(run, "best", "step", step, step)


def _stands(run: Run, kind: str, key: str, value: str | int, step: int) -> bool:
    """Whether there is such an event that no resume from before the step has superseded."""
    found = False
    for event in run.record.events:
        if event["kind"] == "run_resumed" and event["from_step"] < step:
            found = False
        elif event["kind"] == kind and event[key] == value:
            found = True
    return found
