"""Prepared rows in, the first of them as they are trained on out, also as a file of the run."""

from __future__ import annotations

from pathlib import Path

from loralab.encode.preview import Preview, preview
from loralab.encode.template import ChatTemplate
from loralab.run.files import write_json
from loralab.train.prepare import Prepared

PREVIEWS = 5
FILE = "preview.json"


def previews(prepared: Prepared, template: ChatTemplate, count: int) -> tuple[Preview, ...]:
    """The first `count` training rows, or all if there are fewer; the rows must have been encoded."""
    assert prepared.encoded.store is not None
    lengths = prepared.encoded.store.lengths
    return tuple(
        preview(row.place, prepared.tokens_of(row.index), int(lengths[row.index]), template)
        for row in prepared.epoch[:count]
    )


def write_previews(prepared: Prepared, template: ChatTemplate, folder: Path) -> None:
    """Write preview.json into a run's data folder."""
    found = previews(prepared, template, PREVIEWS)
    write_json(folder / FILE, {"rows": [one.to_dict() for one in found]})
