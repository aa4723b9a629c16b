"""In a training process: the hand-over of events to the sinks, measured on the thread that trains."""

from __future__ import annotations

import dataclasses
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loralab.track.fanout import Fanout


@dataclass
class Meter:
    """CPU seconds of the training thread, from one step event to the next if nothing but steps lies between.

    `sink_seconds` is the part of `step_seconds` that went into handing events to all sinks, the terminal among
    them. `close_seconds` is by the clock on the wall: how long the run waited for its sinks to finish.
    `most_waiting` is the largest number of events that a sink had not taken yet.
    """

    sink_seconds: float = 0.0
    step_seconds: float = 0.0
    steps: int = 0
    close_seconds: float = 0.0
    most_waiting: int = 0
    _pending: float = field(default=0.0, repr=False)
    _last: float | None = field(default=None, repr=False)

    def install(self, on_event: Callable[[Any], None]) -> None:
        """Measure from now on, in this process; `on_event` is called on the training thread and not measured."""
        publish, close = Fanout.publish, Fanout.close

        def measured_publish(fanout: Fanout, event: Any) -> None:
            if threading.current_thread() is not threading.main_thread():
                publish(fanout, event)
                return
            began = time.thread_time()
            publish(fanout, event)
            self._note(event["kind"], began, time.thread_time())
            waiting = (lane._published - lane._handled for lane in fanout._lanes if not lane._failed)
            self.most_waiting = max(self.most_waiting, *waiting, 0)
            on_event(event)
            self._last = time.thread_time() if event["kind"] == "step" else None

        def measured_close(fanout: Fanout, status: str) -> None:
            began = time.monotonic()
            close(fanout, status)
            self.close_seconds = time.monotonic() - began

        Fanout.publish, Fanout.close = measured_publish, measured_close

    def _note(self, kind: str, began: float, ended: float) -> None:
        self._pending += ended - began
        if kind != "step":
            return
        if self._last is not None:
            self.sink_seconds += self._pending
            self.step_seconds += ended - self._last
            self.steps += 1
        self._pending = 0.0

    def write(self, path: Path) -> None:
        """For the process that looks at it."""
        values = {k: v for k, v in dataclasses.asdict(self).items() if not k.startswith("_")}
        path.write_text(json.dumps(values), "utf-8")


def read_meters(folder: Path) -> Meter:
    """All processes of a run together: sums, and the longest close."""
    found = [Meter(**json.loads(path.read_text("utf-8"))) for path in sorted(folder.glob("meter-*.json"))]
    return Meter(
        sum(m.sink_seconds for m in found),
        sum(m.step_seconds for m in found),
        sum(m.steps for m in found),
        max((m.close_seconds for m in found), default=0.0),
        max((m.most_waiting for m in found), default=0),
    )
