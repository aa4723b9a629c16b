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
from loralab.errors import Interrupted, Problem, RunFailed
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
from loralab.train.environment import peak_bytes
from loralab.train.evaluate_stage import Stages
from loralab.train.order import StepOrder
from loralab.train.schedule import learning_rate
from loralab.train.session import Session
from loralab.train.stop import StopRequest
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
    step: int = 0
    losses: dict[int, float] = field(default_factory=dict)  # held-out loss by step
    saved_step: int = -1
    updating: bool = False  # the weights are between two steps

    def run(self) -> None:
        """Everything from the state in `step` to the chosen adapter and its answers."""
        try:
            self._stage_if_missing("before", 0)
            self._end_of_epoch()
            while self.step < self.order.total_steps:
                self._train_step(self.step + 1)
                self._save_if_due()
                self.stop.between_steps()
                self._end_of_epoch()
        except (Interrupted, KeyboardInterrupt):
            if not self.updating:
                self._save()
            raise
        self._finish()

    # ---------------------------------------------------------------------------------------- one step

    def _train_step(self, step: int) -> None:
        began = time.monotonic()
        indices = self.order.rows_of(step)
        self.optimizer.zero_grad(set_to_none=True)
        result = self.engine.loss_and_gradients([self.token_rows[i] for i in indices], step)
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

    def _gradients(self) -> list[Any]:
        return [p.grad for p in trainable(self.tuned.model).values() if p.grad is not None]

    def _gradient_norm(self) -> float:
        import torch

        return float(torch.nn.utils.get_total_norm(self._gradients()))

    def _update(self, norm: float, rate: float) -> None:
        import torch

        limit = self.config.train.max_grad_norm
        if limit and norm > limit:
            torch._foreach_mul_(self._gradients(), limit / norm)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()

    def _refuse_bad_numbers(self, step: int, indices: Sequence[int], result: StepLoss, norm: float) -> None:
        """Raise RunFailed, before anything is changed, for a loss or gradient that is not finite, or no gradient at all."""
        if math.isfinite(result.loss) and math.isfinite(norm) and norm > 0:
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

    def _end_of_epoch(self) -> None:
        """The stage of an epoch that has just ended, or the held-out loss where training ends within one."""
        if self.step == 0 or self.step in self.losses:
            return
        if self.order.ends_epoch(self.step) and "epoch" in self.config.evaluate.stages:
            self._stage_if_missing(f"epoch-{self.order.epoch_of(self.step)}", self.step)
        elif self.step == self.order.total_steps and self.config.evaluate.stages:
            self._note_loss(self.step, self.stages.held_out(self.step, self.order.progress(self.step)))

    def _stage_if_missing(self, stage: str, step: int) -> None:
        kind = stage.partition("-")[0]
        if self.step != step or kind not in self.config.evaluate.stages:
            return
        if stage_is_done(Run(self.session.folder), stage, step):
            self._note_loss(step, known_loss(Run(self.session.folder), step), again=True)
            return
        self._note_loss(step, self.stages.run(stage, step, self.order.progress(step)))

    def _note_loss(self, step: int, loss: float | None, again: bool = False) -> None:
        if loss is None or step == 0:
            return
        best = min((known for known in self.losses.values() if math.isfinite(known)), default=math.inf)
        self.losses[step] = loss
        told = again and Run(self.session.folder).last("best").get("step") == step
        if loss < best and not told:
            self.session.emit("best", step=step, metric="heldout_loss", value=loss)

    # --------------------------------------------------------------------------------------- the end

    def _chosen_step(self) -> int:
        """The step with the lowest held-out loss, or the last; a loss that is not finite is never the lowest."""
        finite = {step: loss for step, loss in self.losses.items() if math.isfinite(loss)}
        if self.config.evaluate.best_by == "last" or not finite:
            return self.step
        return min(finite, key=lambda step: (finite[step], -step))

    def _finish(self) -> None:
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
            raise RunFailed(Problem(say("the chosen checkpoint is damaged: {reason}", reason=found), where))
        restore_checkpoint(found, self.tuned.model, None)


def stage_is_done(run: Run, stage: str, step: int) -> bool:
    """Whether a stage was finished in the state after `step`, as seen from where the run stands now."""
    done = False
    for event in run.record.events:
        if event["kind"] == "run_resumed" and event["from_step"] < step:
            done = False
        elif event["kind"] == "stage_finished" and event["stage"] == stage:
            done = run.folder.scores(stage).is_file()
    return done


def known_loss(run: Run, step: int) -> float | None:
    """The held-out loss recorded at a step."""
    return next((float(e["loss"]) for e in run.record.held_out() if e["step"] == step), None)
