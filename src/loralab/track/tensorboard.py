"""The TensorBoard mirror as a sink: events in, an event file in track/tensorboard/ out.

It writes on its own thread, with the package's own writer. A run that is resumed gets a further event file
with the whole history; TensorBoard shows of each step what was written last.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from loralab.run.events import Event
from loralab.run.folder import RunFolder
from loralab.track.curves import Answers, Mark, Points
from loralab.track.follow import Follower
from loralab.track.settings import flatten

FLUSH_SECONDS = 5
SHOWN_WITH_SETTINGS = ("heldout/loss", "train/loss")


class TensorBoardSink:
    """Scalars, answers as text, and the settings as hyper-parameters."""

    name = "tensorboard"

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = settings
        self._follower: Follower | None = None

    def open(self, run: RunFolder) -> None:
        """Make the folder."""
        folder = run.track(self.name)
        folder.mkdir(parents=True, exist_ok=True)
        self._follower = Follower(run.events, lambda events: TensorBoardWriter(folder, self._settings))

    def handle(self, event: Event) -> None:
        """Mirror one event."""
        assert self._follower is not None
        self._follower.take(event)

    def close(self, status: str) -> None:
        """Write what is held to disk."""
        assert self._follower is not None
        self._follower.finish(status)


class TensorBoardWriter:
    """One event file; what files before it hold from step 0 on no longer counts."""

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        from torch.utils.tensorboard import SummaryWriter
        from torch.utils.tensorboard.summary import hparams

        make: Any = SummaryWriter  # torch leaves it without types
        self._writer = make(str(folder), purge_step=0, flush_secs=FLUSH_SECONDS)
        shown: Any = hparams
        for summary in shown(flatten(settings), dict.fromkeys(SHOWN_WITH_SETTINGS, 0.0)):
            self._writer.file_writer.add_summary(summary)

    def write(self, mark: Mark, when: str | None) -> None:
        """Add a mark, at the time of its event where that has passed."""
        seconds = None if when is None else datetime.fromisoformat(when).timestamp()
        if isinstance(mark, Points):
            for key, value in mark.values.items():
                self._writer.add_scalar(key, value, mark.step, walltime=seconds)
        else:
            self._writer.add_text(mark.key, answers_text(mark), mark.step, walltime=seconds)

    def end(self, status: str, error: str) -> None:
        """Close the file; how a run ended has no place in it."""
        self._writer.close()


def answers_text(answers: Answers) -> str:
    """The texts as Markdown, each under its caption and indented, so that nothing in an answer is markup."""
    return "\n\n".join(f"#### {caption}\n\n{_indented(text)}" for caption, text in answers.texts)


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())
