"""Changed questions in, groups of them with as many texts as a page has room for out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from loralab.evaluate.changes import Change
from loralab.report.answers import MOST_BYTES, Text, clip
from loralab.report.text import number

MOST_CHANGES = 50  # of one metric, run and direction


@dataclass(frozen=True)
class Shown:
    """One changed question with its texts cut to what the page has room for."""

    change: Change
    question: Text
    reference: Text
    baseline: Text
    answer: Text

    @property
    def num_bytes(self) -> int:
        """Its size in the page, about."""
        return sum(t.num_bytes for t in (self.question, self.reference, self.baseline, self.answer))


@dataclass(frozen=True)
class Group:
    """The changes of one metric and run in one direction; `left_out` of them are not in the page."""

    task: str
    metric: str
    run: str
    kind: str
    graded: bool
    shown: tuple[Shown, ...]
    left_out: int


def groups(changes: Sequence[Change], most: int = MOST_CHANGES, most_bytes: int = MOST_BYTES) -> list[Group]:
    """The changed questions by metric, run and direction: `most` of each, `most_bytes` of text together."""
    together: dict[tuple[str, str, str, str], list[Change]] = {}
    for change in changes:
        together.setdefault((change.task, change.metric, change.run, change.kind), []).append(change)
    room = most_bytes
    found = []
    for key, members in together.items():
        shown: list[Shown] = []
        for change in members[:most]:
            one = _shown(change)
            if one.num_bytes > room:
                break
            room -= one.num_bytes
            shown.append(one)
        found.append(Group(*key, members[0].graded, tuple(shown), members[0].out_of - len(shown)))
    return found


def _shown(change: Change) -> Shown:
    one, two = change.baseline_answer, change.answer
    return Shown(
        change, clip(two.get("question", one.get("question"))), clip(two.get("reference", one.get("reference"))),
        clip(one.get("answer")), clip(two.get("answer")),
    )  # fmt: skip


def score_text(score: float) -> str:
    """The score of one answer: right and wrong are 1 and 0."""
    return number(int(score)) if score in (0, 1) else number(score)
