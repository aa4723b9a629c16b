"""Asked questions and rows in, which of them are nearly the same out: found, listed, never removed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loralab.data.conversation import Conversation
from loralab.data.doctor.duplicates import find_duplicates
from loralab.data.doctor.near import SHINGLE, THRESHOLD, QuestionIndex
from loralab.data.law_shapes import WITH_LAWS, WITH_REFERENCE
from loralab.data.rows import OfRows, Rows


@dataclass(frozen=True, slots=True)
class Pair:
    """An asked question (its number), the row that comes closest to it among those of one file, and how close."""

    asked: int
    row: int
    share: float


@dataclass(frozen=True)
class Overlap:
    """The closest row of each file for every asked question that has one, and how many rows come close to any."""

    pairs: tuple[Pair, ...]
    rows: int
    asked: int
    seconds: float

    @property
    def found(self) -> list[int]:
        """Numbers of the asked questions that were found, in order."""
        return sorted({pair.asked for pair in self.pairs})


# what stands between a question and the statutes or references that were joined to it
HEADINGS = tuple(
    template.removeprefix("{question}").removesuffix("{texts}") for template in (WITH_LAWS, WITH_REFERENCE)
)


def user_texts(conversation: Conversation) -> list[str]:
    """What the user asks in a conversation, turn by turn, without statutes and references joined to it.

    Many questions come with the same statute: it does not make them the same question.
    """
    return [_bare(m.content) for m in conversation.messages if m.role == "user"]


def _bare(text: str) -> str:
    for heading in HEADINGS:
        text = text.partition(heading)[0]
    return text


def find_overlap(asked: Sequence[str], rows: Rows) -> Overlap:
    """Compare every row's questions with all asked questions; takes time in proportion to the rows."""
    began = time.monotonic()
    index = QuestionIndex(asked)
    best: dict[tuple[int, int], Pair] = {}
    near = 0
    for row, file in _unique(rows):
        hits = index.hits(user_texts(rows.conversation(row)))
        near += bool(hits)
        for hit in hits:
            known = best.get((hit.number, file))
            if known is None or hit.share > known.share:
                best[hit.number, file] = Pair(hit.number, row, hit.share)
    pairs = tuple(sorted(best.values(), key=lambda p: (p.asked, p.row)))
    return Overlap(pairs, near, len(asked), time.monotonic() - began)


def _unique(rows: Rows) -> Iterable[tuple[int, int]]:
    """(index, file number) of each row once, in order."""
    return dict.fromkeys(zip(rows.index.tolist(), rows.column("file").tolist(), strict=True))


def overlap_report(
    overlap: Overlap, asked_places: Sequence[str], rows: Rows, sets: Mapping[int, str]
) -> dict[str, Any]:
    """The overlap as a JSON value; `sets` says of a row, by index, whether it is trained on, tested or a probe.

    `share` is the part of the asked question's shingles that stand in the row's questions.
    """
    return {
        "asked": overlap.asked,
        "found": len(overlap.found),
        "found_in_training": len({p.asked for p in overlap.pairs if sets.get(p.row, "train") == "train"}),
        "rows": overlap.rows,
        "shingle_characters": SHINGLE,
        "threshold": THRESHOLD,
        "pairs_in_all": len(overlap.pairs),
        "pairs": [
            {
                "item": p.asked, "place": asked_places[p.asked], "row": rows.place(p.row),
                "share": round(p.share, 4), "set": sets.get(p.row, "train"),
            }
            for p in overlap.pairs
        ],
    }  # fmt: skip


def find_near_copies(rows: Rows) -> dict[str, Any]:
    """Groups of rows that are nearly the same in question and answer, as a JSON value with the places of some.

    Slow beside the rest: see `find_duplicates`.
    """

    def said(index: int) -> str:
        return "\n".join(m.content for m in rows.conversation(index).messages if m.role != "system")

    found = find_duplicates(OfRows(rows, said)).to_dict()
    places = [[rows.place(int(rows.index[at])) for at in group["rows"]] for group in found["examples"]]
    return {
        "groups": found["groups"], "rows": found["extra"], "shingle_characters": found["shingle_characters"],
        "threshold": found["threshold"], "examples": places,
    }  # fmt: skip
