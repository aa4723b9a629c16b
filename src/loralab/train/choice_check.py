"""A config and the data of a run in; a refusal out where the adapter could not be chosen as the config asks.

What the config alone tells is refused when it is read, see `config/load.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from loralab.config.schema import Config
from loralab.errors import Problem, UsageError
from loralab.evaluate.heldout import answer_rows
from loralab.evaluate.questions import Question
from loralab.train.choice import LOSS, METRICS
from loralab.train.due import LOSS_ALONE, due_after
from loralab.train.order import StepOrder
from loralab.words import say


def refuse_choice(config: Config, order: StepOrder, test_rows: int, questions: Sequence[Question]) -> None:
    """Raise UsageError for settings of choosing and stopping that this run could never follow."""
    problems = [
        *_held_out(config, order, test_rows),
        *_scored(config, order, questions),
        *_stopping(config, order),
    ]
    if problems:
        raise UsageError(*problems)


def _held_out(config: Config, order: StepOrder, test_rows: int) -> Iterator[Problem]:
    every = config.evaluate.heldout_every_steps
    stopping = (
        config.train.stop_after_worse_evaluations is not None and config.evaluate.best_by == "heldout_loss"
    )
    if (every is not None or stopping) and not test_rows:
        yield Problem(
            say("there are no test rows: held-out loss cannot be measured"),
            "evaluate.heldout_every_steps" if every is not None else "train.stop_after_worse_evaluations",
            next=say("give test rows with data.test, or remove the setting"),
        )
    if every is not None and every > order.total_steps:
        yield Problem(
            say("is {every}, but the run has {steps} steps: it would have no effect",
                every=every, steps=order.total_steps),
            "evaluate.heldout_every_steps",
        )  # fmt: skip


def _scored(config: Config, order: StepOrder, questions: Sequence[Question]) -> Iterator[Problem]:
    """A scored metric needs an epoch that ends, and questions that it can be told from."""
    name = config.evaluate.best_by
    if name in ("last", "heldout_loss"):
        return
    if order.total_steps < order.epoch_steps:
        yield Problem(
            say("is {metric}, which is measured at the end of epochs, but training ends within the first",
                metric=name),
            "evaluate.best_by",
        )  # fmt: skip
    if METRICS[name].task == "heldout" and METRICS[name].name not in _told_by(questions):
        yield Problem(
            say("is {metric}, but no answered question of this run gives a value for it", metric=name),
            "evaluate.best_by",
            next=say("raise evaluate.answers, or choose by another metric"),
        )


def _told_by(questions: Sequence[Question]) -> set[str]:
    """The metrics that answers to these questions can have: those that the references have as answers."""
    answers = [
        {"id": q.id, "set": q.set, "seen": q.seen, "question": q.question,
         "answer": q.reference, "reference": q.reference}
        for q in questions
    ]  # fmt: skip
    return {row["metric"] for row in answer_rows(answers)}


def _stopping(config: Config, order: StepOrder) -> Iterator[Problem]:
    patience = config.train.stop_after_worse_evaluations
    if patience is None or config.evaluate.best_by == "last":
        return
    possible = _evaluations_before_the_end(config, order)
    if possible < patience + 1:
        yield Problem(
            say("is {patience}: {needed} evaluations of {metric} are needed before the last step, and the run has"
                " {possible}; it could never act",
                patience=patience, needed=patience + 1, metric=config.evaluate.best_by, possible=possible),
            "train.stop_after_worse_evaluations",
            next=say("lower it, or set evaluate.heldout_every_steps")
            if METRICS[config.evaluate.best_by] == LOSS
            else say("lower it, or train for more epochs"),
        )  # fmt: skip


def _evaluations_before_the_end(config: Config, order: StepOrder) -> int:
    """How often the metric that adapters are chosen by is measured while there is still training to stop."""
    due = [due_after(step, order, config.evaluate) for step in range(1, order.total_steps)]
    only_stages = METRICS[config.evaluate.best_by] != LOSS
    return sum(1 for found in due if found and not (only_stages and found == LOSS_ALONE))
