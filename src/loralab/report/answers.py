"""Predictions of every stage in, questions with their answers side by side out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loralab.run.view import EPOCH_STAGE, Run, stage_order

LONGEST_TEXT = 4_000  # characters of one text in the page; an answer of 512 tokens has about 2,000
MOST_BYTES = 1_800_000  # of all texts together: a page that opens from a mail
Row = Mapping[str, Any]
Key = tuple[str, str]


@dataclass(frozen=True)
class Text:
    """The beginning of a text, and how many characters of it are left out."""

    shown: str
    left_out: int = 0

    @property
    def num_bytes(self) -> int:
        """Its size in the page, about."""
        return len(self.shown.encode("utf-8", "replace"))


@dataclass(frozen=True)
class Answer:
    """What was answered at a stage, or at two with the same words; `row` is None if nothing is recorded."""

    stages: tuple[str, ...]
    text: Text
    row: Row | None
    as_before: bool  # the same words as before training


@dataclass(frozen=True)
class Question:
    """One question with its reference and its answers in the order of time."""

    id: str
    probe: bool
    seen: bool
    text: Text
    reference: Text
    answers: tuple[Answer, ...]

    @property
    def num_bytes(self) -> int:
        """Its size in the page, about."""
        return sum(t.num_bytes for t in (self.text, self.reference, *(a.text for a in self.answers)))


@dataclass(frozen=True)
class Answers:
    """The questions that have room in the page, and how many have none."""

    questions: tuple[Question, ...]
    left_out: int


def collect(run: Run) -> Answers:
    """The run's questions, probes first, each with its answers of all stages."""
    stages = answered_stages(run)
    rows = {stage: stage_rows(run, stage) for stage in stages}
    keys = dict.fromkeys(key for stage in stages for key in rows[stage])
    ordered = sorted(keys, key=lambda key: key[0] != "probe")
    questions = [make_question(key, [(stage, rows[stage].get(key)) for stage in stages]) for key in ordered]
    kept = tuple(fitting(questions))
    return Answers(kept, len(questions) - len(kept))


def answered_stages(run: Run) -> list[str]:
    """The stages of which an answer is recorded, also those that were cut short, in the order of time."""
    names = {stage for stage in run.stages if run.folder.predictions(stage).is_file()}
    names |= {str(event.get("stage")) for event in run.record.of_kind("prediction")}
    return sorted(names, key=stage_order)


def stage_rows(run: Run, stage: str) -> dict[Key, Row]:
    """The answers of a stage; the events stand in for what its file lacks."""
    events = [e for e in run.record.of_kind("prediction") if str(e.get("stage")) == stage]
    lines = run.predictions(stage)
    order = [*lines, *events]
    found = {key_of(row): row for row in [*events, *lines]}
    return {key: found[key] for key in dict.fromkeys(map(key_of, order))}


def key_of(row: Row) -> Key:
    """What makes a question the same at every stage."""
    return str(row.get("set") or "test"), str(row.get("id", row.get("question", "")))


def make_question(key: Key, rows: Sequence[tuple[str, Row | None]]) -> Question:
    """One question from its rows of all stages."""
    first = next(row for _, row in rows if row is not None)
    return Question(
        id=key[1], probe=key[0] == "probe", seen=first.get("seen") is True,
        text=clip(first.get("question")), reference=clip(first.get("reference")), answers=side_by_side(rows),
    )  # fmt: skip


def side_by_side(rows: Sequence[tuple[str, Row | None]]) -> tuple[Answer, ...]:
    """The answers in the order of time; `after` joins the last epoch that gave the same words.

    The stage after training repeats the state of one epoch, so that its column would be read twice.
    """
    twin = twin_of_after(rows)
    before = dict(rows).get("before")
    result = []
    for stage, row in rows:
        if stage == "after" and twin:
            continue
        stages = (stage, "after") if stage == twin else (stage,)
        as_before = stage != "before" and same_words(row, before)
        result.append(Answer(stages, clip(row.get("answer")) if row else Text(""), row, as_before))
    return tuple(result)


def twin_of_after(rows: Sequence[tuple[str, Row | None]]) -> str:
    """The last epoch stage whose answer is that of `after`, else nothing."""
    after = dict(rows).get("after")
    same = [stage for stage, row in rows if EPOCH_STAGE.fullmatch(stage) and same_words(row, after)]
    return same[-1] if same else ""


def same_words(one: Row | None, other: Row | None) -> bool:
    """Whether two answers are there and do not differ."""
    if one is None or other is None:
        return False
    return all(one.get(key) == other.get(key) for key in ("answer", "finish_reason"))


def clip(value: Any) -> Text:
    """A text of the record, cut to what the page has room for."""
    text = "" if value is None else str(value)
    return Text(text[:LONGEST_TEXT], max(0, len(text) - LONGEST_TEXT))


def fitting(questions: Sequence[Question]) -> Iterator[Question]:
    """The first questions that together fit into the page."""
    total = 0
    for question in questions:
        total += question.num_bytes
        if total > MOST_BYTES:
            return
        yield question
