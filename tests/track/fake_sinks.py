"""Small sinks that do one thing, and events to feed them."""

import threading
from typing import Any


def step(number: int) -> dict[str, Any]:
    return {"seq": number, "kind": "step", "step": number, "loss": 1.0 / number}


class Failures(list):
    """Takes the reports of a fan-out."""

    def __call__(self, sink: str, error: str, events_lost: int) -> None:
        self.append((sink, error, events_lost))


class Recorder:
    """Keeps what it is given."""

    def __init__(self, name: str = "recorder") -> None:
        self.name, self.calls, self.threads = name, [], set()
        self.handled = threading.Event()

    def open(self, run: Any) -> None:
        self._note("open")

    def handle(self, event: Any) -> None:
        self._note(event.get("step"))
        self.handled.set()

    def close(self, status: str) -> None:
        self._note(status)

    def _note(self, call: Any) -> None:
        self.calls.append(call)
        self.threads.add(threading.current_thread())


class Raising(Recorder):
    """Raises at one call: "open", a step number or "close"."""

    def __init__(self, at: Any, error: BaseException) -> None:
        super().__init__("raising")
        self.at, self.error = at, error

    def _note(self, call: Any) -> None:
        if call == self.at:
            raise self.error
        super()._note(call)


class Blocking(Recorder):
    """Stays in the first event until it is let go."""

    def __init__(self) -> None:
        super().__init__("blocking")
        self.entered, self.let_go, self.abandoned = threading.Event(), threading.Event(), 0

    def handle(self, event: Any) -> None:
        self.entered.set()
        self.let_go.wait()
        super().handle(event)

    def abandon(self) -> None:
        self.abandoned += 1
        self.let_go.set()
