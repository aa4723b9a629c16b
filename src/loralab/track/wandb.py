"""The Weights & Biases mirror as a sink: events in, lines on the standard input of a child process out.

Offline only: nothing is sent, no key is read. Its files lie in track/wandb/, and its own command
`wandb sync` uploads them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from loralab.run.events import Event
from loralab.run.folder import RunFolder
from loralab.track.curves import clean
from loralab.track.fanout import SinkFailed, tracker_seconds
from loralab.track.process import Child, python_path

CHILD_MODULE = "loralab.track.wandb_child"
CLOSE_SECONDS = 12.0


class WandbSink:
    """One offline W&B run for one run of ours; `settings` are shown as its config."""

    name = "wandb"

    def __init__(
        self, project: str, title: str, settings: Mapping[str, Any], close_seconds: float = CLOSE_SECONDS
    ) -> None:
        self._project, self._title, self._settings = project, title, settings
        self._close_seconds = close_seconds
        self._child: Child | None = None

    def open(self, run: RunFolder) -> None:
        """Start the process; the W&B run begins with the first event."""
        folder = run.track(self.name).absolute()
        self._child = Child("wandb", CHILD_MODULE, folder, child_environment(os.environ, Path.cwd(), folder))
        self._child.send(
            {
                "open": {
                    "run": run.path.name, "events": str(run.events.absolute()),
                    "project": clean(self._project)[:128], "name": clean(self._title)[:128],
                    "settings": dict(self._settings),
                }
            }
        )  # fmt: skip

    def handle(self, event: Event) -> None:
        """Pass one event on."""
        assert self._child is not None
        self._child.pass_on(event)

    def close(self, status: str) -> None:
        """Ask W&B to finish; after `close_seconds`, less for a run that was stopped, its process is ended and the mirror has failed."""
        assert self._child is not None
        seconds = tracker_seconds(status, self._close_seconds)
        self._child.send({"close": status})
        try:
            self._child.expect("finished", seconds)
        except TimeoutError:
            self._child.end()
            raise SinkFailed(f"wandb did not finish within {seconds:g} s and was ended") from None
        self._child.end_quietly()

    def abandon(self) -> None:
        """End the process at once."""
        if self._child is not None:
            self._child.kill()


def child_environment(environment: Mapping[str, str], folder: Path, own: Path) -> dict[str, str]:
    """The environment of the child: none of W&B's variables but ours, all its files in `own`."""
    kept = {name: value for name, value in environment.items() if not name.upper().startswith("WANDB_")}
    return kept | {
        **python_path(folder),
        "PYTHONUTF8": "1",
        "WANDB_MODE": "offline",
        "WANDB_SILENT": "true",
        "WANDB_ERROR_REPORTING": "false",
        "WANDB_CONFIG_DIR": str(own / "config"),
        "WANDB_CACHE_DIR": str(own / "cache"),
        "WANDB_DATA_DIR": str(own / "data"),
    }
