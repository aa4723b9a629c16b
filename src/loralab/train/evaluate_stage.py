"""One stage of a run: frozen questions answered, held-out loss measured, both scored and written down."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from loralab.data.conversation import Conversation
from loralab.engine.base import Engine, TokenRow
from loralab.evaluate.general.neutral import neutral_score_rows
from loralab.evaluate.general.stage import general_rows
from loralab.evaluate.heldout import answer_rows, clean_rows, copied_rows, loss_rows, summarise
from loralab.evaluate.stage import Asker, Prediction
from loralab.run.events import read_events
from loralab.run.files import read_json_lines, write_json, write_json_lines
from loralab.train.session import Session
from loralab.train.stop import StopRequest

PREDICTION_FIELDS = (
    "id", "set", "seen", "question", "answer", "reference", "prompt_tokens", "answer_tokens", "finish_reason", "seconds",
)  # fmt: skip
BETWEEN_STOPS = 1000  # training rows that are read before it is seen whether the run is to stop


@dataclass
class Stages:
    """Runs stages and remembers what their results were."""

    session: Session
    askers: Sequence[Asker]
    engine: Engine
    test_rows: Sequence[TokenRow]
    training: Iterable[Conversation]  # each row that is trained on once
    stop: StopRequest
    near: frozenset[str] = frozenset()  # ids of asked rows whose question nearly stands in a training row
    neutral: Sequence[TokenRow] = ()  # passages that have nothing to do with the data

    def run(self, stage: str, step: int, epoch: float) -> float | None:
        """Answer, measure and score one stage; returns the held-out loss, None without test rows."""
        began = time.monotonic()
        done = partial_predictions(self.session, stage)
        self.session.emit("stage_started", stage=stage)
        predictions = [
            prediction
            for asker in self.askers
            for prediction in asker.answer_all(
                done, lambda p: self._record(stage, p), self.stop.between_steps
            )
        ]
        losses = self.held_out_rows()
        rows = [*losses, *answer_rows(predictions), *copied_rows(predictions, self._trained_answers())]
        rows += [*clean_rows(rows, self.near), *general_rows(predictions), *self._neutral_rows()]
        self._write(stage, predictions, rows)
        loss = self._held_out_event(losses, step, epoch)
        self._score(stage, rows)
        self.session.emit("stage_finished", stage=stage, seconds=round(time.monotonic() - began, 3))
        return loss

    def held_out_rows(self) -> list[dict[str, Any]]:
        """The loss of every test row under the current adapter."""
        sums = self.engine.row_losses(self.test_rows)
        ids = [row.id for row in self.test_rows]
        return loss_rows(ids, sums, [sum(row.encoded.trained[1:]) for row in self.test_rows])

    def _neutral_rows(self) -> list[dict[str, Any]]:
        return neutral_score_rows(self.neutral, self.engine.row_losses(self.neutral)) if self.neutral else []

    def _trained_answers(self) -> Iterator[str]:
        """The assistant turns of all training rows, as copies are looked for in them."""
        for number, conversation in enumerate(self.training):
            if number % BETWEEN_STOPS == 0:
                self.stop.between_steps()
            yield from (m.content for m in conversation.messages if m.role == "assistant")

    def held_out(self, step: int, epoch: float) -> float | None:
        """Held-out loss alone, outside of a stage."""
        return self._held_out_event(self.held_out_rows(), step, epoch)

    def _held_out_event(self, rows: list[dict[str, Any]], step: int, epoch: float) -> float | None:
        if not rows:
            return None
        tokens = sum(r["weight"] for r in rows)
        loss = float(sum(r["value"] * r["weight"] for r in rows) / tokens)
        self.session.emit("held_out", step=step, epoch=epoch, loss=loss, tokens=tokens)
        return loss

    def copy(self, source: str, stage: str) -> None:
        """Write a stage whose adapter has been answered already: the same answers and scores under another name."""
        folder = self.session.folder
        self.session.emit("stage_started", stage=stage, copied_from=source)
        predictions = read_json_lines(folder.predictions(source))
        rows = read_json_lines(folder.score_rows(source))
        for prediction in predictions:
            self._record(stage, prediction)
        self._write(stage, predictions, rows)
        self._score(stage, rows)
        self.session.emit("stage_finished", stage=stage, seconds=0.0)

    def _record(self, stage: str, prediction: Prediction) -> None:
        self.session.emit("prediction", stage=stage, **prediction)

    def _write(self, stage: str, predictions: list[Prediction], rows: list[dict[str, Any]]) -> None:
        folder = self.session.folder
        write_json_lines(folder.predictions(stage), predictions)
        write_json_lines(folder.score_rows(stage), rows)
        write_json(folder.scores(stage), summarise(rows))

    def _score(self, stage: str, rows: list[dict[str, Any]]) -> None:
        for task, metrics in summarise(rows).items():
            for metric, entry in metrics.items():
                self.session.emit("scored", stage=stage, task=task, metric=metric, **_interval(entry))


def _interval(entry: dict[str, Any]) -> dict[str, Any]:
    return {key: entry[key] for key in ("value", "low", "high", "n")}


def partial_predictions(session: Session, stage: str) -> dict[str, Prediction]:
    """Answers of an unfinished attempt at this stage since the adapter was last in the same state."""
    found: dict[str, Prediction] = {}
    for event in read_events(session.folder.events).events:
        if event["kind"] == "step" or (event["kind"] == "stage_finished" and event["stage"] == stage):
            found = {}
        elif event["kind"] == "prediction" and event["stage"] == stage:
            found[event["id"]] = {key: event[key] for key in PREDICTION_FIELDS}
    return found
