"""Prepared data in, files for any other tool out: JSON lines in messages format, with the report beside them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from loralab.config.schema import DataConfig
from loralab.data.conversation import Conversation, plain
from loralab.data.rows import Rows
from loralab.run.files import write_json_lines
from loralab.train.prepare import Prepared


def write_prepared(prepared: Prepared, config: DataConfig, folder: Path) -> dict[str, int]:
    """Write train.jsonl (the rows of one epoch), test.jsonl and probes.jsonl; the number of rows of each.

    A set without rows gets no file. Texts are whole: what data.max_tokens cuts in training is not cut here.
    data.system goes into the rows, and answers that data.train_turns leaves out are marked "train": false.
    Raises ResourceError if the folder cannot be written.
    """
    parts = {"train": prepared.epoch, "test": prepared.split.test, "probes": prepared.split.probes}
    for name, rows in parts.items():
        if len(rows):
            write_json_lines(folder / f"{name}.jsonl", _lines(rows, config))
    return {name: len(rows) for name, rows in parts.items()}


def _lines(rows: Rows, config: DataConfig) -> Iterator[dict[str, Any]]:
    for row in rows:
        conversation = row.conversation.with_system(config.system)
        yield plain(_last_only(conversation) if config.train_turns == "last" else conversation)


def _last_only(conversation: Conversation) -> Conversation:
    """The conversation with its last trained answer alone marked as trained on."""
    turns = conversation.messages
    last = max((i for i, m in enumerate(turns) if m.role == "assistant" and m.trained), default=-1)
    return Conversation(
        tuple(replace(m, trained=m.role != "assistant" or i == last) for i, m in enumerate(turns))
    )
