"""Finished steps of a run in, at most one warning of each kind out: that it diverges, that its adapter does not move."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loralab.config.schema import TrainConfig
from loralab.run.view import Run
from loralab.train.session import Session
from loralab.train.watch import LossWatch, moved, sample, step_to_look, unmoved_words, watch_of
from loralab.words import Words

DIVERGES, UNMOVED = "loss_diverges", "adapter_unmoved"


class Lookout:
    """Made while the adapter is as a run begins with it, also for a run that then goes on."""

    def __init__(
        self, session: Session, parameters: Mapping[str, Any], train: TrainConfig, total_steps: int
    ) -> None:
        self._session, self._parameters = session, parameters
        self._start = sample(parameters)
        self._look_at = step_to_look(train.warmup_steps, total_steps)
        self._watch = LossWatch()
        self._told = {e.get("code") for e in Run(session.folder).record.of_kind("warning")}
        self._has_looked = False

    def go_on_from(self, step: int) -> None:
        """Take up the losses that the run has recorded up to a step."""
        events = Run(self._session.folder).record.steps()
        self._watch = watch_of(float(e["loss"]) for e in events if e["step"] <= step)

    def after(self, step: int, loss: float) -> None:
        """Look at a finished step."""
        if self._watch.add(loss):
            self._tell(DIVERGES, self._watch.words(step))
        if step >= self._look_at and not self._has_looked:
            self._has_looked = True
            words = unmoved_words(step, moved(self._start, sample(self._parameters)))
            if words:
                self._tell(UNMOVED, words)

    def _tell(self, code: str, words: Words) -> None:
        """Once a run, however often it goes on."""
        if code not in self._told:
            self._told.add(code)
            self._session.warn(code, words)
