"""What `check` found in the data in, one HTML page out that says what to know before training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loralab.data.reasons import BAD_ROW
from loralab.encode.preview import LEGEND, Preview
from loralab.report import data_tables, tables
from loralab.report.lengths import Bin, draw_histogram
from loralab.report.render import render_page
from loralab.run.files import write_text
from loralab.words import Words, say

WIDE, NARROW = (1040, 300), (360, 230)


@dataclass(frozen=True)
class DataSheet:
    """What the page shows.

    `report` is data/report.json, `dropped` the first lines of data/dropped.jsonl; `lengths` are bins of the
    token lengths before rows are cut, see `length_bins`; `contamination` has for each benchmark file what
    report["near"] has for test and probe questions. Without a tokenizer `template` is None and there are no
    lengths or previews. The choices `on_...` are those of the config.
    """

    title: str
    report: Mapping[str, Any]
    split: Mapping[str, int]
    template: Mapping[str, str] | None
    max_tokens: int
    on_long: str
    warnings: Sequence[Words] = ()
    dropped: Sequence[Mapping[str, Any]] = ()
    previews: Sequence[Preview] = ()
    lengths: Sequence[Bin] = ()
    contamination: Mapping[str, Mapping[str, Any]] | None = None
    on_bad_row: str = "error"
    on_overlap: str = "drop"


@dataclass(frozen=True)
class Verdict:
    """Whether training would start: a word, the style it is shown in, and the sentences that say why."""

    word: Words
    style: str
    sentences: list[Words] = field(default_factory=list)


def build_data_page(sheet: DataSheet, language: str = "en") -> str:
    """The page. Parts that need a tokenizer say so where there is none; parts without content are left out.

    Everything that comes from the data is escaped: rows are text of strangers.
    """
    report = sheet.report
    histograms = [
        draw_histogram(sheet.lengths, sheet.max_tokens, *size) for size in (WIDE, NARROW) if sheet.lengths
    ]
    return render_page(
        "data_page.html.j2", ("page.css", "data_page.css"), language,
        page_title=f"{sheet.title} · {say('Data').text(language)} · loralab",
        sheet=sheet, report=report, tables=tables, data=data_tables, verdict=verdict(sheet), legend=LEGEND, stretches=data_tables.stretches,
        findings=data_tables.findings(report, sheet.warnings, language),
        lost=list(data_tables.lost(sheet.dropped, language)),
        num_dropped=sum(report.get("dropped", {}).values()),
        histograms=histograms, longest=sheet.lengths[-1][1] if sheet.lengths else 0,
    )  # fmt: skip


def write_data_page(sheet: DataSheet, path: Path, language: str = "en") -> Path:
    """Write the page to a file; its path. Raises ResourceError if it cannot be written."""
    write_text(path, build_data_page(sheet, language))
    return path


def verdict(sheet: DataSheet) -> Verdict:
    """Training would stop, or goes on without some rows, or with all of them."""
    read, dropped = sheet.report.get("read", 0), sum(sheet.report.get("dropped", {}).values())
    if stops := _stops(sheet):
        return Verdict(say("training would stop"), "failed", stops)
    if dropped:
        sentence = say(
            "{n} of {read} rows are left out; training goes on without them.",
            n=f"{dropped:,}",
            read=f"{read:,}",
        )
        return Verdict(say("some rows left out"), "", [sentence])
    return Verdict(say("clean"), "finished", [say("All {read} rows can be used.", read=f"{read:,}")])


def _stops(sheet: DataSheet) -> list[Words]:
    """Why training would not start: what `train` refuses with these data and choices."""
    dropped, found = sheet.report.get("dropped", {}), []
    bad = sum(dropped.get(reason, 0) for reason in BAD_ROW)
    if bad and sheet.on_bad_row == "error":
        found.append(
            say(
                "{n} rows are bad, and training would stop: mend them, or set data.on_bad_row: drop.",
                n=f"{bad:,}",
            )
        )
    if (long := dropped.get("too_long", 0)) and sheet.on_long == "error":
        found.append(
            say("{n} rows are longer than data.max_tokens = {limit}, and training would stop: raise it, or set data.on_long: cut or drop.",
                n=f"{long:,}", limit=f"{sheet.max_tokens:,}")
        )  # fmt: skip
    if (overlap := sheet.report.get("overlap", 0)) and sheet.on_overlap == "error":
        found.append(
            say("{n} training rows ask a test or probe question, and training would stop: remove them, or set data.on_overlap: drop.",
                n=f"{overlap:,}")
        )  # fmt: skip
    if not sheet.split.get("train"):
        found.append(say("No row is left to train on."))
    return found
