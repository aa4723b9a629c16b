"""Prepared rows in, their text coloured by the loss mask on the terminal out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from loralab.cli.console import NORMAL, Console
from loralab.encode.preview import LEGEND, Kind, Part
from loralab.encode.template import ChatTemplate
from loralab.safe_text import visible
from loralab.train.prepare import Prepared
from loralab.train.previews import previews
from loralab.words import say

if TYPE_CHECKING:
    from rich.text import Text

STYLES: dict[Kind, str] = {"trained": "green", "end": "bold reverse green", "seen": "bright_black"}


def print_preview(prepared: Prepared, template: ChatTemplate, count: int, console: Console) -> None:
    """The first training rows on stderr: trained tokens green, end tokens in reverse, the others grey.

    Without colours (NO_COLOR, a file) what is trained on stands between ⟦ and ⟧.
    """
    if console.loudness < NORMAL:
        return
    from rich.console import Console as RichConsole

    rich = RichConsole(stderr=True, highlight=False, soft_wrap=True)
    coloured = rich.color_system is not None and not rich.no_color
    rich.print(_text((Part(words.text(console.language), kind) for words, kind in LEGEND), coloured, "  "))
    shown = previews(prepared, template, count)
    for item in shown:
        console.say(
            say("{place}: {n} tokens, {trained} trained on",
                place=visible(item.place), n=item.tokens, trained=item.trained)
        )  # fmt: skip
        rich.print(_text(item.parts, coloured))
        if item.cut_tokens:
            console.say(say("… cut here: {n} tokens left out", n=item.cut_tokens))
        rich.print()
    if not shown:
        console.say(say("no training row to show"))


def _text(parts: Iterable[Part], coloured: bool, between: str = "") -> Text:
    """The parts in their colours or marks; control characters of the data cannot reach the terminal."""
    from rich.text import Text

    text = Text()
    for part in parts:
        if text and between:
            text.append(between)
        shown = visible(part.text)
        marked = coloured or part.kind == "seen"
        text.append(shown if marked else f"⟦{shown}⟧", style=STYLES[part.kind] if coloured else None)
    return text
