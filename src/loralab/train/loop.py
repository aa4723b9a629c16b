"""The training loop: rows of each step through the engine, one update, one event; checkpoints and stages on the way."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from loralab.config.schema import Config
from loralab.data.conversation import Row
from loralab.engine.base import Engine, StepLoss, TokenRow
from loralab.errors import Interrupted, Problem, RankLost, RunFailed
from loralab.model.adapter import trainable
from loralab.model.load import TunedModel
from loralab.run.view import Run
from loralab.train.checkpoint import (
    Checkpoint,
    prune,
    read_checkpoint,
    restore_checkpoint,
    save_checkpoint,
    save_chosen,
)
from loralab.train.choice import LOSS, METRICS, Metric, best_step, not_better
from loralab.train.due import LOSS_ALONE, due_after
from loralab.train.environment import peak_bytes
from loralab.train.evaluate_stage import Stages
from loralab.train.lookout import Lookout
from loralab.train.order import StepOrder
from loralab.train.ranks.base import Alone, Ranks
from loralab.train.recorded import best_is_told, is_evaluated, recorded_values, stage_value
from loralab.train.schedule import learning_rate
from loralab.train.session import Session
from loralab.train.smaller import CODE, compute, halved_words, recorded_budgets, take_up
from loralab.train.stop import StopRequest
from loralab.train.update import gradient_norm, is_sound, update
from loralab.words import say


@dataclass
class Loop:
    """A run in motion. `step` is the last finished optimizer step."""

    session: Session
    config: Config
    tuned: TunedModel
    engine: Engine
    stages: Stages
    order: StepOrder
    train_rows: Sequence[Row]
    token_rows: Sequence[TokenRow]
    stop: StopRequest
    optimizer: Any
    ranks: Ranks = field(default_factory=Alone)
    step: int = 0
    values: dict[int, float] = field(default_factory=dict)  # of the metric that chooses, by step
    started_step: int = 0  # after which this process began
    saved_step: int = -1
    updating: bool = False  # the weights are between two steps
    budgets: dict[int, int] = field(
        default_factory=dict
    )  # micro-batch tokens by the step they were lowered in
    lookout: Lookout = field(init=False)

    def __post_init__(self) -> None:
        parameters = trainable(self.tuned.model)
        self.lookout = Lookout(self.session, parameters, self.config.train, self.order.total_steps)

    def run(self) -> None:
        """Everything from the state in `step` to the chosen adapter and its answers."""
        try:
            self._evaluate()
            while self.step < self.order.total_steps and not self._is_done_early():
                self._train_step(self.step + 1)
                self._save_if_due()
                self.stop.between_steps()
                self._evaluate()
        except (Interrupted, KeyboardInterrupt, RankLost):
            if not self.updating:
                self._save()
            raise
        if self.reason == "early_stop":
            self._tell_early_end()
        self._finish()

    def go_on_from(self, checkpoint: Checkpoint) -> None:
        """Take up the state of a checkpoint, and what the run has measured up to it."""
        restore_checkpoint(checkpoint, self.tuned.model, self.optimizer)
        self.step = self.started_step = self.saved_step = self.session.step = checkpoint.step
        self.values = recorded_values(Run(self.session.folder), self._metric, self.order, self.step)
        self.budgets = recorded_budgets(Run(self.session.folder))
        self.lookout.go_on_from(self.step)

    @property
    def reason(self) -> str:
        """Why training has ended: done, or early_stop where the config asked for it."""
        return "done" if self.step >= self.order.total_steps else "early_stop"

    @property
    def _metric(self) -> Metric:
        """What adapters are compared by; where the last is chosen, the record still says which had the lowest loss."""
        return METRICS.get(self.config.evaluate.best_by, LOSS)

    # ---------------------------------------------------------------------------------------- one step

    def _train_step(self, step: int) -> None:
        began = time.monotonic()
        indices = self.order.rows_of(step)
        result = self._compute([self.token_rows[i] for i in indices], step)
        norm = self._gradient_norm()
        self._refuse_bad_numbers(step, indices, result, norm)
        rate = learning_rate(step, self.order.total_steps, self.config.train)
        self.updating = True
        self._update(norm, rate)
        self.step = self.session.step = step
        self.session.emit(
            "step", step=step, epoch=round(self.order.progress(step), 6), loss=result.loss, grad_norm=norm,
            learning_rate=rate, tokens=result.tokens, label_tokens=result.label_tokens, rows=len(indices),
            seconds=round(time.monotonic() - began, 4), peak_bytes=peak_bytes(self.tuned.device),
        )  # fmt: skip
        self.updating = False
        self.lookout.after(step, result.loss)

    def _compute(self, rows: Sequence[TokenRow], step: int) -> StepLoss:
        """Loss and gradients; where memory runs out, with smaller micro-batches, which the record then says."""

        def tell(before: int, after: int) -> None:
            words = halved_words(step, before, after)
            self.session.warn(CODE, words, step=step, budget_tokens_before=before, budget_tokens=after)

        def compute_rows(mine: Sequence[TokenRow]) -> StepLoss:
            return compute(self.engine, mine, step, lambda: self.optimizer.zero_grad(set_to_none=True), tell)

        take_up(self.engine, self.budgets, step)
        return self.ranks.step(rows, step, compute_rows)

    def _gradient_norm(self) -> float:
        return gradient_norm(self.tuned.model)

    def _update(self, norm: float, rate: float) -> None:
        update(self.tuned.model, self.optimizer, norm, rate, self.config.train.max_grad_norm)

    def _refuse_bad_numbers(self, step: int, indices: Sequence[int], result: StepLoss, norm: float) -> None:
        """Raise RunFailed, before anything is changed, for a loss or gradient that is not finite, or no gradient at all."""
        if is_sound(result, norm):
            return
        rows = [self.train_rows[i] for i in indices]
        bad = [r for r, loss in zip(rows, result.row_losses, strict=True) if not math.isfinite(loss)] or rows
        what = (
            say("step {step}: the gradient is exactly zero, nothing would be learned", step=step)
            if norm == 0
            else say(
                "step {step}: loss {loss}, gradient norm {norm}: not finite",
                step=step,
                loss=result.loss,
                norm=norm,
            )
        )
        problem = Problem(
            what,
            ", ".join(r.place for r in bad[:5]),
            say("the step was not applied; the last good checkpoint is step {step}", step=self.saved_step)
            if self.saved_step > 0
            else say("the step was not applied; there is no checkpoint yet"),
            say("lower train.learning_rate, or look at these rows"),
        )
        raise RunFailed(problem, str(self.session.folder.log))

    # --------------------------------------------------------------------------------- on the way

    def _save_if_due(self) -> None:
        due = self.step % self.config.train.save_every_steps == 0
        if due or self.order.ends_epoch(self.step) or self.step == self.order.total_steps:
            self._save()

    def _save(self) -> None:
        """Checkpoint the last finished step, unless it is on disk already."""
        if self.step in (0, self.saved_step):
            return
        state = {"epoch": self.order.progress(self.step), "total_steps": self.order.total_steps}
        size = save_checkpoint(
            self.session.folder, self.tuned.model, self.optimizer, self.step, state,
            self.config.lora.dropout, self.config.model.name,
        )  # fmt: skip
        self.saved_step = self.step
        path = self.session.folder.checkpoint(self.step).relative_to(self.session.folder.path)
        self.session.emit("checkpoint", step=self.step, path=str(path), bytes=size)
        if self.config.train.keep_checkpoints:
            prune(self.session.folder, self.config.train.keep_checkpoints, [self._chosen_step(), self.step])

    def _evaluate(self) -> None:
        """What is due after the last finished step, unless it was done before the run was broken off."""
        due = due_after(self.step, self.order, self.config.evaluate)
        if due is None:
            return
        if self.step == self.started_step and is_evaluated(Run(self.session.folder), due, self.step):
            self._tell_best()
            return
        progress = self.order.progress(self.step)
        if due == LOSS_ALONE:
            loss = self.stages.held_out(self.step, progress)
        else:
            loss = self.stages.run(due, self.step, progress)
        if self.step:
            self._note(due, loss)

    def _note(self, due: str, loss: float | None) -> None:
        """Keep the value that an evaluation gave for the metric that chooses."""
        value = loss
        if self._metric != LOSS:
            if due == LOSS_ALONE:
                return
            value = stage_value(Run(self.session.folder), due, self._metric)
            if value is None:
                self._warn_of_missing(due)
        if value is not None:
            self.values[self.step] = value
            self._tell_best()

    def _warn_of_missing(self, stage: str) -> None:
        words = say(
            "evaluate.best_by is {metric}, which {stage} gives no value for: step {step} cannot be chosen",
            metric=self.config.evaluate.best_by, stage=f"scores/{stage}.json", step=self.step,
        )  # fmt: skip
        self.session.warn("best_by_missing", words)

    def _tell_best(self) -> None:
        """Save and record the last step if it is the best so far; a best step that can be chosen is always on disk."""
        if best_step(self.values, self._metric) != self.step:
            return
        if self.step == self.started_step and best_is_told(Run(self.session.folder), self.step):
            return
        if self.config.evaluate.best_by != "last":
            self._save()
        metric = "heldout_loss" if self._metric == LOSS else self.config.evaluate.best_by
        self.session.emit("best", step=self.step, metric=metric, value=self.values[self.step])

    def _is_done_early(self) -> bool:
        patience = self.config.train.stop_after_worse_evaluations
        return patience is not None and not_better(self.values, self._metric) >= patience

    # --------------------------------------------------------------------------------------- the end

    def _tell_early_end(self) -> None:
        """Save and record where training ends early; the adapter's own note has a `step`, this one has not."""
        self._save()
        best = best_step(self.values, self._metric)
        assert best is not None, "training ends early only after a best evaluation"
        count, metric = not_better(self.values, self._metric), self.config.evaluate.best_by
        words = say(
            "training ended early after step {step} of {total}: {n} evaluations of {metric} in a row were no better"
            " than {value} (train.stop_after_worse_evaluations)",
            step=self.step, total=self.order.total_steps, n=count, metric=metric, value=self.values[best],
        )  # fmt: skip
        self.session.emit(
            "note", code="early_stop", stopped_at=self.step, total_steps=self.order.total_steps,
            evaluations=count, metric=metric, **words.to_dict(),
        )  # fmt: skip

    def _chosen_step(self) -> int:
        """The step with the best value of evaluate.best_by, or the last where nothing is compared."""
        best = None if self.config.evaluate.best_by == "last" else best_step(self.values, self._metric)
        return self.step if best is None else best

    def _warn_if_nothing_compared(self) -> None:
        """Say that the last step is chosen for want of a value to choose by."""
        metric = self.config.evaluate.best_by
        if metric == "last" or best_step(self.values, self._metric) is not None:
            return
        words = say(
            "evaluate.best_by is {metric}, which was measured at no step: adapter/ is the last step, {step}",
            metric=metric, step=self.step,
        )  # fmt: skip
        self.session.warn("best_by_unmeasured", words)

    def _finish(self) -> None:
        self._warn_if_nothing_compared()
        chosen = self._chosen_step()
        if chosen != self.step:
            self._restore(chosen)
        save_chosen(self.session.folder, self.tuned.model, self.config.lora.dropout, self.config.model.name)
        self.session.emit("note", message=f"adapter/ is step {chosen}", step=chosen)
        if "after" not in self.config.evaluate.stages:
            return
        source = f"epoch-{self.order.epoch_of(chosen)}"
        if self.order.ends_epoch(chosen) and "epoch" in self.config.evaluate.stages:
            self.stages.copy(source, "after")
        else:
            self.stages.run("after", chosen, self.order.progress(chosen))

    def _restore(self, step: int) -> None:
        found = read_checkpoint(self.session.folder.checkpoint(step))
        if not isinstance(found, Checkpoint):
            where = str(self.session.folder.checkpoint(step))
            what = say("the chosen checkpoint is damaged: {reason}", reason=found)
            raise RunFailed(
                Problem(what, where, next=say("loralab resume {path}", path=self.session.folder.path))
            )
        restore_checkpoint(found, self.tuned.model, None)
