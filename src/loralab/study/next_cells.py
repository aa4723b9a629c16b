"""A plan and its folder in, the cells that there are by now out: all at once, or rung by rung."""

from __future__ import annotations

import math
from collections.abc import Sequence

from loralab.evaluate.direction import direction
from loralab.run.numbers import to_float
from loralab.run.view import Run
from loralab.study.begin import add_cells
from loralab.study.cells import Cell, Planned
from loralab.study.folder import StudyFolder
from loralab.study.plan import STAGE, Plan
from loralab.study.search import Drawn, draw, halving


class Cells:
    """Gives the cells of a study, and writes them into its folder as they come to be."""

    def __init__(self, plan: Plan, folder: StudyFolder) -> None:
        self.plan, self.folder = plan, folder
        self.drawn = draw(plan) if plan.search else Drawn(plan.cells, 0)
        self.written: list[str] = []

    def __call__(self) -> Sequence[Cell]:
        """All cells that there are by now."""
        planned = self.planned()
        ids = [one.cell.id for one in planned]
        if ids != self.written:
            add_cells(self.folder, planned, self.drawn.drawn_again)
            self.written = ids
        return [one.cell for one in planned]

    def planned(self) -> Sequence[Planned]:
        """The same with their configs; nothing is written."""
        if self.plan.search is None or self.plan.search.method == "random":
            return self.drawn.cells
        lower = direction(self.plan.settings.metric.rpartition("/")[2]) < 0
        return halving(self.plan, self.drawn.cells, self._score, lower)

    def _score(self, one: Planned) -> float | None:
        """The score of a cell that is over, not a number if it failed or has none; None while it is not over."""
        standing = self.folder.standing(one.cell)
        if standing.state == "failed":
            return math.nan
        if standing.state != "finished" or standing.run is None:
            return None
        return score_of(standing.run, self.plan.settings.metric)


def score_of(run: Run, metric: str) -> float:
    """The value of task/metric at the stage that a study compares; not a number if there is none."""
    task, _, name = metric.rpartition("/")
    entry = run.scores(STAGE).get(task, {}).get(name, {})
    return to_float(entry.get("value") if isinstance(entry, dict) else None)
