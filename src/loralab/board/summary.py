"""A run in, its row in the table of runs out: status, progress, headline metric, cost, a small curve."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from loralab.errors import UsageError
from loralab.evaluate.direction import direction
from loralab.evaluate.units import is_share
from loralab.report.facts import data_names, model_name, peak_bytes, wall_seconds
from loralab.report.series import kept_places, values_of
from loralab.run.numbers import to_float
from loralab.run.view import Run
from loralab.train.choice import LOSS, METRICS

SPARK_WIDTH, SPARK_HEIGHT = 120, 28


@dataclass(frozen=True)
class Headline:
    """One metric of a run at its first and its last scored stage, each as an entry of its scores."""

    task: str
    metric: str
    first: dict[str, Any]
    last: dict[str, Any]
    stages: tuple[str, str]

    @property
    def share(self) -> bool:
        """Whether it is read in per cent."""
        return is_share(self.task, self.metric)

    @property
    def lower_is_better(self) -> bool:
        """Which way is better."""
        return direction(self.metric) < 0


@dataclass(frozen=True)
class Summary:
    """A row of the table. `error` says why a folder cannot be read; then all else is empty."""

    id: str
    status: str
    model: str = ""
    data: str = ""
    created: str = ""
    steps: int = 0
    planned: int = 0
    headline: Headline | None = None
    seconds: float = math.nan
    peak_bytes: float = math.nan
    tokens_per_second: float = math.nan
    spark: str = ""
    error: str = ""


def summarise(run: Run) -> Summary:
    """The row of a run."""
    try:
        manifest = run.manifest
    except UsageError as error:
        return Summary(run.id, "unreadable", error=str(error))
    return Summary(
        id=run.id, status=run.status if run.record.events else "empty", model=model_name(run), data=data_names(run),
        created=str(manifest.get("created") or ""), steps=len(run.record.steps()),
        planned=int(to_float(run.last("plan").get("steps") or 0)), headline=_headline(run), seconds=wall_seconds(run),
        peak_bytes=peak_bytes(run), tokens_per_second=median_speed(run),
        spark=spark(run.record.values("loss")),
    )  # fmt: skip


def median_speed(run: Run) -> float:
    """The tokens per second of a step in the middle; not a number if no step has both numbers."""
    tokens, seconds = (values_of(run.record.values(name)) for name in ("tokens", "seconds"))
    timed = seconds > 0
    speeds = tokens[timed] / seconds[timed]
    finite = speeds[np.isfinite(speeds)]
    return float(np.median(finite)) if len(finite) else math.nan


def spark(losses: Sequence[float]) -> str:
    """The path (SVG) of a small curve; it breaks where a loss is not finite."""
    values = values_of(losses)
    finite = values[np.isfinite(values)]
    if len(finite) < 2:
        return ""
    low, high = float(finite.min()), float(np.quantile(finite, 0.98))
    places = kept_places(values, SPARK_WIDTH // 4)
    pieces, pen_down = [], False
    for place in places.tolist():
        value = values[place]
        if math.isfinite(value):
            x = place / max(len(values) - 1, 1) * (SPARK_WIDTH - 2) + 1
            y = (1 - (min(value, high) - low) / ((high - low) or 1)) * (SPARK_HEIGHT - 4) + 2
            pieces.append(f"{'L' if pen_down else 'M'}{x:.1f} {y:.1f}")
        pen_down = math.isfinite(value)
    return "".join(pieces)


def _headline(run: Run) -> Headline | None:
    """The metric by which the run chose its adapter, if it is scored, else the held-out loss, else the first there is."""
    scored = [(stage, scores) for stage in run.stages if (scores := run.scores(stage))]
    if not scored:
        return None
    names = [
        _chosen_by(run),
        (LOSS.task, LOSS.name),
        *((t, m) for t, metrics in scored[-1][1].items() for m in metrics),
    ]
    for task, metric in names:
        cells = [(stage, cell) for stage, scores in scored if (cell := scores.get(task, {}).get(metric))]
        if cells:
            return Headline(task, metric, cells[0][1], cells[-1][1], (cells[0][0], cells[-1][0]))
    return None


def _chosen_by(run: Run) -> tuple[str, str]:
    metric = METRICS.get(str((run.config.get("evaluate") or {}).get("best_by")), LOSS)
    return metric.task, metric.name
