"""What a mirror was found to hold, kept in the run folder as track/<sink>/mirror.json, and as sentences."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

from loralab.errors import ResourceError
from loralab.run.events import utc_now
from loralab.run.files import write_json
from loralab.run.folder import RunFolder
from loralab.track.verify import Mirror
from loralab.words import Words, say


def checked_file(folder: RunFolder, sink: str) -> Path:
    """Where what is known of a mirror stands."""
    return folder.track(sink) / "mirror.json"


def keep_checked(folder: RunFolder, sink: str, mode: str, mirror: Mirror, finished: bool) -> None:
    """Write mirror.json. `finished` is False where the tracker was ended before it was done."""
    found = {"sink": sink, "mode": mode, "checked": utc_now(), "finished": finished, **mirror.to_dict()}
    # a full disk has said so already, in an event of the run itself
    with contextlib.suppress(ResourceError):
        write_json(checked_file(folder, sink), found)


def checked_words(folder: RunFolder) -> list[Words]:
    """For each mirror that was compared with events.jsonl, a sentence on what it holds."""
    return [_words(found) for path in _checked_files(folder) if (found := _read(path))]


def _checked_files(folder: RunFolder) -> list[Path]:
    """The files there are; none where the disk of the mirrors has failed, which an event of the run says already."""
    with contextlib.suppress(OSError):
        return sorted(folder.path.glob("track/*/mirror.json"))
    return []


def _read(path: Path) -> dict[str, Any]:
    with contextlib.suppress(OSError, ValueError):
        value = json.loads(path.read_text("utf-8"))
        return value if isinstance(value, dict) else {}
    return {}


def _words(found: dict[str, Any]) -> Words:
    return say(
        "mirror {sink} ({mode}), compared with events.jsonl: {points} of {all_points} points, {texts} of {all_texts} texts",
        sink=found.get("sink"),
        mode=found.get("mode"),
        points=found.get("scalars_found"),
        all_points=found.get("scalars_expected"),
        texts=found.get("texts_found"),
        all_texts=found.get("texts_expected"),
    )
