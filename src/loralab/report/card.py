"""A run in, the model card of its adapter out: README.md in adapter/, made of the record alone."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from loralab.report.card_text import card_text
from loralab.run.files import write_text
from loralab.run.view import Run

NAME = "README.md"
# The last line of a card: the hash of all lines before it, so that one changed by hand is told from one of ours.
MARK = re.compile(r"<!-- loralab card ([0-9a-f]{64}) -->\n\Z")


def card_path(run: Run) -> Path:
    """Where the card of a run's adapter lies."""
    return run.folder.adapter / NAME


def build_card(run: Run, language: str = "en") -> str:
    """The card with its mark. It names data files and local models without their folders."""
    text = card_text(run, language)
    return f"{text}<!-- loralab card {_digest(text)} -->\n"


def write_card(run: Run, language: str = "en") -> Path | None:
    """Write the card; None if there is no adapter yet, or its README.md was changed by hand, which stays.

    Raises ResourceError if it cannot be written.
    """
    path = card_path(run)
    if not run.folder.adapter.is_dir() or is_changed_by_hand(path):
        return None
    write_text(path, build_card(run, language))
    return path


def is_changed_by_hand(path: Path) -> bool:
    """Whether there is a card that is not as `write_card` left it."""
    try:
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return False
    except (OSError, UnicodeDecodeError):
        return True
    mark = MARK.search(text)
    return mark is None or mark[1] != _digest(text[: mark.start()])


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
