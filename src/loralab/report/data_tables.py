"""A data report in, the rows of the data page's tables out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loralab.encode.preview import Part, Preview
from loralab.report.data_words import FINDINGS, MEANINGS
from loralab.words import Words, recorded, say

Report = Mapping[str, Any]
BAR_WIDTH, THINNEST = 1000.0, 4.0  # of the bar that shows where the rows went, and of a part of it
OF_FILES = frozenset({"bom", "crlf"})  # repairs that are counted once for a file
LONGEST_CELL = 300  # characters of a row in a table
LONGEST_PART = 6_000  # characters of one stretch of a preview
MOST_PAIRS, MOST_ITEMS = 100, 1000
MOST_GROUPS, MOST_PLACES = 20, 10


# ------------------------------------------------------------------------------------ where rows went


@dataclass(frozen=True)
class Counted:
    """A fixed word of the report with what it means, how many, and their part of the rows read (0 to 1)."""

    code: str
    meaning: Words
    count: int
    share: float | None  # none where files are counted


def dropped(report: Report) -> list[Counted]:
    """The reasons for which rows were dropped, the commonest first."""
    return _counted(report.get("dropped"), int(report.get("read") or 0))


def repaired(report: Report) -> list[Counted]:
    """The repairs that were made, the commonest first."""
    return _counted(report.get("repaired"), int(report.get("read") or 0))


def _counted(counts: Any, rows: int) -> list[Counted]:
    found = sorted((counts or {}).items(), key=lambda item: -item[1])
    return [
        Counted(code, meaning(code), count, None if code in OF_FILES else share(count, rows))
        for code, count in found
    ]


def meaning(code: str) -> Words:
    """What a reason or a repair means; a word of a newer version is said to be unknown."""
    return MEANINGS.get(code, say("not known to this version"))


def share(part: float, whole: float) -> float:
    """Part of a whole; 0 of nothing."""
    return part / whole if whole else 0.0


def percent(value: float) -> Words:
    """A share as people read it: one decimal, two digits where it is small."""
    number = value * 100
    shown = f"{number:.2g}" if 0 < number < 1 else f"{number:.1f}".removesuffix(".0")
    if value < 1 and shown == "100":
        shown = "99.9"  # nearly all is not all
    return say("{share} %", share=shown)


@dataclass(frozen=True)
class Segment:
    """A part of the bar that shows where the rows went, in thousandths of its width."""

    kept: bool
    code: str
    count: int
    x: float
    width: float


def flow(report: Report) -> list[Segment]:
    """The rows read as parts side by side: kept, then dropped by reason. The smallest can still be seen."""
    parts = [("kept", int(report.get("kept") or 0)), *((c.code, c.count) for c in dropped(report))]
    parts = [part for part in parts if part[1]]
    total = sum(count for _, count in parts)
    widths = [max(THINNEST, BAR_WIDTH * count / total) for _, count in parts]
    scale, x, segments = BAR_WIDTH / (sum(widths) or 1), 0.0, []
    for (code, count), width in zip(parts, widths, strict=True):
        segments.append(Segment(code == "kept", code, count, round(x, 1), round(width * scale - 1, 1)))
        x += width * scale
    return segments


# ------------------------------------------------------------------------------------- what was found


@dataclass(frozen=True)
class Finding:
    """What a closer look found in some rows: a fixed word, what it means, what is said of it, examples."""

    code: str
    meaning: Words | None
    message: str
    count: int
    share: float  # of the rows kept
    examples: Sequence[Mapping[str, Any]]


def findings(report: Report, warnings: Sequence[Words], language: str) -> list[Finding]:
    """The findings, the commonest first.

    A report that holds their sentences in English alone is helped by the warnings, which hold the same ones
    in every language.
    """
    spoken = {words.text(): words.text(language) for words in warnings}
    found = [
        Finding(
            str(f.get("code")), FINDINGS.get(str(f.get("code"))),
            spoken.get(str(f.get("message")), recorded(f).text(language)),
            f["count"], share(f["count"], report.get("kept") or 0), f.get("examples") or (),
        )
        for f in report.get("findings") or ()
    ]  # fmt: skip
    return sorted(found, key=lambda f: -f.count)


@dataclass(frozen=True)
class Pairs:
    """Asked questions with the rows that nearly hold them: how many were asked and found, the first pairs."""

    numbers: Report
    shown: Sequence[Mapping[str, Any]]
    left_out: int


def pairs(near: Report) -> Pairs:
    """The pairs of a comparison that have room in the page."""
    every = near.get("pairs") or ()
    shown = every[:MOST_PAIRS]
    return Pairs(near, shown, max(int(near.get("pairs_in_all") or 0), len(every)) - len(shown))


SETS = {"train": say("training"), "test": say("test"), "probe": say("probe")}


def set_name(name: Any) -> Words:
    """The set that a row belongs to."""
    return SETS.get(name, say("{name}", name=name or "–"))


def items(near: Report) -> tuple[str, int]:
    """The numbers of the items that were found, each once, and how many have no room."""
    numbers = sorted({pair["item"] for pair in near.get("pairs") or ()})
    return ", ".join(map(str, numbers[:MOST_ITEMS])), max(0, len(numbers) - MOST_ITEMS)


def groups(near: Report) -> list[str]:
    """Places of rows that are nearly the same, one line for each group."""
    found = near.get("examples") or ()
    return [
        ", ".join(map(str, places[:MOST_PLACES])) + (", …" if len(places) > MOST_PLACES else "")
        for places in found[:MOST_GROUPS]
    ]


# ------------------------------------------------------------------------------------------ rows, text


def kinds(file: Mapping[str, Any]) -> str:
    """The shapes of a file's rows with their numbers; one shape alone needs no number."""
    shapes = file.get("shapes") or {}
    if len(shapes) == 1:
        return str(next(iter(shapes)))
    return ", ".join(f"{name} ({count:,})" for name, count in sorted(shapes.items(), key=lambda i: -i[1]))


@dataclass(frozen=True)
class Lost:
    """A dropped row: where it stands, why, what is wrong with it, the beginning of it."""

    place: str
    reason: str
    detail: str
    text: str
    left_out: int  # characters


def lost(lines: Sequence[Mapping[str, Any]], language: str) -> Iterator[Lost]:
    """Lines of data/dropped.jsonl as the page shows them; a detail may be Words."""
    for line in lines:
        row, detail = line.get("row"), line.get("detail", "")
        text = row if isinstance(row, str) else json.dumps(row, ensure_ascii=False, default=str)
        said = detail.text(language) if isinstance(detail, Words) else str(detail)
        place = f"{line.get('file')}:{line.get('line')}"
        left_out = max(0, len(text) - LONGEST_CELL)
        yield Lost(place, str(line.get("reason")), said, text[:LONGEST_CELL], left_out)


def stretches(item: Preview) -> list[tuple[Part, int, str]]:
    """(beginning, characters left out, ending) of each part: a very long one loses its middle."""
    return [_clip(part) for part in item.parts]


def _clip(part: Part) -> tuple[Part, int, str]:
    if len(part.text) <= LONGEST_PART:
        return part, 0, ""
    half = LONGEST_PART // 2
    return Part(part.text[:half], part.kind), len(part.text) - 2 * half, part.text[-half:]
