"""A run in, what changed in its answers from the first scored stage to the last out, general prompts apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from loralab.evaluate.changes import Count, change_counts, changes
from loralab.evaluate.comparison import Difference, difference_alone, metric_keys
from loralab.evaluate.general.task import GENERAL
from loralab.evaluate.side import Side, first_and_last
from loralab.evaluate.statistics import FEW
from loralab.report.changed import Group, groups
from loralab.report.tables import ScoreRow, ScoreTable, score_table
from loralab.run.view import Run
from loralab.words import Words, say

MOST_CHANGES, MOST_BYTES = 5, 300_000  # of each metric and direction; of the text of all together
METRICS = {
    "accuracy": say("instructions followed"),
    "right_language": say("answered in the right language"),
    "ended": say("ended by itself"),
    "repetition": say("repeated text"),
    "neutral_loss": say("loss on neutral texts"),
    "neutral_perplexity": say("perplexity on neutral texts"),
}


@dataclass(frozen=True)
class RunChanges:
    """The changes of a run's own questions; `stages` are the first and the last, empty if fewer were scored."""

    stages: tuple[str, ...]
    counts: tuple[Count, ...]
    groups: tuple[Group, ...]


@dataclass(frozen=True)
class GeneralRow:
    """A metric of the general check by stage, with its difference from the first stage to the last."""

    name: Words
    scores: ScoreRow
    difference: Difference | None


@dataclass(frozen=True)
class GeneralCheck:
    """What a run says about general ability; `count` and `groups` are of the prompts that it checks by rule."""

    stages: tuple[str, ...]
    rows: tuple[GeneralRow, ...]
    count: Count | None
    groups: tuple[Group, ...]

    @property
    def is_small(self) -> bool:
        """Whether the prompts are so few that they only show large losses."""
        return self.count is not None and self.count.n < FEW


def run_changes(sides: Sequence[Side]) -> RunChanges:
    """The changes of everything but the general check between two sides of one run; empty without sides."""
    keys = [key for key in metric_keys(sides) if key[0] != GENERAL.name] if sides else []
    return RunChanges(
        tuple(side.stage for side in sides), tuple(change_counts(sides, keys)),
        tuple(groups(list(changes(sides, keys)), MOST_CHANGES, MOST_BYTES)),
    )  # fmt: skip


def general_check(run: Run, sides: Sequence[Side]) -> GeneralCheck | None:
    """The general check of a run; None if it was not asked."""
    table = score_table(run)
    mine = [row for row in table.rows if row.task == GENERAL.name]
    if not mine:
        return None
    return _check(table, mine, sides)


def _check(table: ScoreTable, mine: Sequence[ScoreRow], sides: Sequence[Side]) -> GeneralCheck:
    key = (GENERAL.name, GENERAL.metric)
    rows = [
        GeneralRow(
            METRICS.get(row.metric, say("{metric}", metric=row.metric)), row,
            difference_alone((row.task, row.metric), *sides) if sides else None,
        )
        for row in mine
    ]  # fmt: skip
    found = groups(list(changes(sides, [key])), most_bytes=MOST_BYTES) if sides else []
    counts = list(change_counts(sides, [key])) if sides else []
    return GeneralCheck(table.stages, tuple(rows), counts[0] if counts else None, tuple(found))


def general_sentence(check: GeneralCheck) -> Words | None:
    """How many prompts the tuned model no longer follows, and how many it follows now."""
    count = check.count
    if count is None:
        return None
    return say("Of {n} prompts, {broken} were followed at first and no longer at the end, {fixed} the other way round.",
               n=count.n, broken=count.broken, fixed=count.fixed)  # fmt: skip


def count_words(count: Count) -> Words:
    """How many answers changed in a metric, of how many."""
    name = f"{count.task}/{count.metric}"
    if count.graded:
        return say("{name}: {fixed} answers better, {broken} worse, of {n}",
                   name=name, fixed=count.fixed, broken=count.broken, n=count.n)  # fmt: skip
    return say("{name}: {fixed} fixed, {broken} broken, of {n}",
               name=name, fixed=count.fixed, broken=count.broken, n=count.n)  # fmt: skip


def changed_counts(run: Run) -> tuple[tuple[str, ...], list[Count]]:
    """The first and last scored stage of a run, and the numbers of changes between them; empty if there are not two."""
    sides = first_and_last(run)
    counts = list(change_counts(sides, metric_keys(sides))) if sides else []
    return tuple(side.stage for side in sides), counts
