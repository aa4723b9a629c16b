"""Prepared data in, files for any other tool out: JSON lines in messages format, with the report beside them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from loralab.config.schema import DataConfig
from loralab.data.conversation import plain
from loralab.data.rows import Rows
from loralab.run.files import write_json_lines
from loralab.train.prepare import Prepared


def write_prepared(prepared: Prepared, config: DataConfig, folder: Path) -> dict[str, int]:
    """Write train.jsonl (the rows of one epoch), test.jsonl and probes.jsonl; the number of rows of each.

    Texts are whole: what data.max_tokens cuts in training is not cut here. data.system goes into the rows.
    Raises ResourceError if the folder cannot be written.
    """
    parts = {"train": prepared.epoch, "test": prepared.split.test, "probes": prepared.split.probes}
    for name, rows in parts.items():
        write_json_lines(folder / f"{name}.jsonl", _lines(rows, config.system))
    return {name: len(rows) for name, rows in parts.items()}


def _lines(rows: Rows, system: str | None) -> Iterator[dict[str, Any]]:
    for row in rows:
        yield plain(row.conversation.with_system(system))
