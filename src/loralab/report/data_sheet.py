"""Prepared data in, what the data page shows of it out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loralab.config.schema import DataConfig
from loralab.data.report import dropped_line
from loralab.encode.template import ChatTemplate
from loralab.report.data_page import DataSheet
from loralab.report.lengths import length_bins
from loralab.train.prepare import Prepared
from loralab.train.previews import PREVIEWS, previews

DROPPED = 50


def make_sheet(
    title: str,
    prepared: Prepared,
    template: ChatTemplate | None,
    data: DataConfig,
    contamination: Mapping[str, Mapping[str, Any]],
) -> DataSheet:
    """The sheet of a config's data; without a tokenizer it has no lengths and previews."""
    split, store = prepared.split, prepared.encoded.store
    lengths = store.lengths[prepared.kept.index] if store is not None else ()
    return DataSheet(
        title=title, report=prepared.report.to_dict(),
        split={"train": len(prepared.epoch), "test": len(split.test), "probes": len(split.probes)},
        template={"end": template.end_text, "default_system": template.default_system()} if template else None,
        max_tokens=data.max_tokens, on_long=data.on_long,
        warnings=[words for _, words in prepared.warnings],
        dropped=[dropped_line(d) | {"detail": d.detail} for d in prepared.dropped[:DROPPED]],
        previews=previews(prepared, template, PREVIEWS) if template else (),
        lengths=length_bins(lengths, data.max_tokens), contamination=contamination or None,
        on_bad_row=data.on_bad_row, on_overlap=data.on_overlap,
    )  # fmt: skip
