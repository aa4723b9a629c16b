"""A run folder in, its record out, which takes in what is added to it and needs little memory."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence

from loralab.run.events import Event, Record
from loralab.run.folder import RunFolder
from loralab.run.growing import GrowingEvents
from loralab.run.step_columns import StepColumns


class LiveRecord:
    """The events of a run so far: steps as columns, the others whole; many threads may read it.

    The answers of a stage are dropped when the stage has its file of predictions, from which they are read then.
    """

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._growing = GrowingEvents(folder.events)
        self._lock = threading.Lock()
        self._record: Record | None = None
        self._forget()

    def _forget(self) -> None:
        self._steps = StepColumns()
        self._others: list[Event] = []
        self._last_step: Event | None = None

    @property
    def bytes_read(self) -> int:
        """How much of the file has been taken in."""
        return self._growing.offset

    def now(self) -> Record:
        """The record with everything that is there now; it stays as it is when more is added."""
        with self._lock:
            if self._advance() or self._record is None:
                last = [self._last_step] if self._last_step else []
                events = sorted([*self._others, *last], key=lambda event: int(event["seq"]))
                torn, damaged = self._growing.torn_bytes, self._growing.damaged_lines
                self._record = Record(tuple(events), torn, damaged, self._steps.copy())
            return self._record

    def _advance(self) -> bool:
        """Take in what is new; whether anything was."""
        torn, new = self._growing.torn_bytes, False
        while True:
            restarts = self._growing.restarts
            events = self._growing.take_some()
            if self._growing.restarts != restarts:
                self._forget()
                new = True
            for is_step, group in itertools.groupby(events, lambda event: event["kind"] == "step"):
                take = self._take_steps if is_step else self._take_others
                take(list(group))
            if not events:
                return new or self._growing.torn_bytes != torn
            new = True

    def _take_steps(self, events: Sequence[Event]) -> None:
        self._steps.extend(events)
        self._last_step = events[-1]

    def _take_others(self, events: Sequence[Event]) -> None:
        for event in events:
            if event["kind"] == "run_resumed":
                self._steps.cut_after(int(event["from_step"]))
            self._others.append(event)
            if event["kind"] == "stage_finished":
                self._drop_answers(str(event.get("stage")))

    def _drop_answers(self, stage: str) -> None:
        if self._folder.predictions(stage).is_file():
            self._others = [
                e for e in self._others if (e["kind"], str(e.get("stage"))) != ("prediction", stage)
            ]
