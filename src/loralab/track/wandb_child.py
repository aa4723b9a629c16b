"""The process that drives Weights & Biases: messages on standard input in, an offline run in the working folder out."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from loralab.run.events import Event
from loralab.track.child import Message, Tracker, main
from loralab.track.curves import Mark, Points
from loralab.track.experiment import experiment_id
from loralab.track.settings import flatten


class WandbWriter:
    """One offline W&B run. Curves are drawn over our own `step`, as W&B's may not go back."""

    def __init__(self, names: Message, events: Sequence[Event]) -> None:
        import wandb

        self.run: Any = wandb.init(
            mode="offline",
            project=names["project"],
            name=names["name"],
            id=experiment_id(str(names["run"]), events),
            dir=str(Path.cwd()),
            config=flatten(names["settings"]),
            settings=wandb.Settings(
                console="off",
                silent=True,
                disable_git=True,
                disable_code=True,
                disable_job_creation=True,
                x_disable_stats=True,
                x_disable_meta=True,
            ),
        )
        self.run.define_metric("step", hidden=True)
        self.run.define_metric("*", step_metric="step")
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def write(self, mark: Mark, when: str | None) -> None:
        """Log a mark, at the time of its event where that has passed."""
        data: dict[str, Any] = {"step": mark.step}
        if when is not None:
            data["_timestamp"] = datetime.fromisoformat(when).timestamp()
        if isinstance(mark, Points):
            data |= mark.values
        else:
            import wandb

            data[mark.key] = wandb.Table(
                columns=["question", "text"], data=[list(pair) for pair in mark.texts]
            )
        self.run.log(data)

    def end(self, status: str, error: str) -> None:
        """Finish the run."""
        self.run.finish(exit_code=0 if status == "finished" else 1)


def _prepare(names: Message) -> set[str]:
    import wandb

    assert wandb.__version__
    return set()


if __name__ == "__main__":
    main(Tracker("wandb", "W&B", _prepare, WandbWriter), "WANDB_API_KEY")
