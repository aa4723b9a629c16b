"""The seam between a run and its mirrors: what a sink is."""

from __future__ import annotations

from typing import Protocol

from loralab.run.events import Event
from loralab.run.folder import RunFolder


class Sink(Protocol):
    """A mirror of the events. All calls come from one thread of the sink's own, never the training thread.

    Anything it raises is caught, recorded as one `sink_failed` event, and ends the sink, not the run.
    """

    name: str

    def open(self, run: RunFolder) -> None:
        """Get ready; called once, before the first event."""

    def handle(self, event: Event) -> None:
        """Take one event; called in order."""

    def close(self, status: str) -> None:
        """Finish; `status` is finished, failed or interrupted."""
