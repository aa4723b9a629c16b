"""Encoded rows in, their tokens coloured by the loss mask out."""

from __future__ import annotations

import click

from loralab.cli.console import Console
from loralab.encode.template import ChatTemplate
from loralab.train.prepare import Prepared
from loralab.words import say


def print_preview(prepared: Prepared, template: ChatTemplate, count: int, console: Console) -> None:
    """The first training rows on stderr: trained tokens green, the others grey.

    Without colours (NO_COLOR, a file) trained stretches stand between ⟦ and ⟧.
    """
    from rich.console import Console as RichConsole
    from rich.text import Text

    rich = RichConsole(stderr=True, highlight=False, soft_wrap=True)
    coloured = rich.color_system is not None
    for row in prepared.split.train[:count]:
        encoded = prepared.encoded[row.id]
        console.say(
            say(
                "{place}: {n} tokens, {trained} trained on",
                place=row.place,
                n=len(encoded.ids),
                trained=encoded.label_tokens,
            )
        )
        text = Text()
        for part, trained in _stretches(encoded.ids, encoded.trained, template):
            if coloured:
                text.append(part, style="green" if trained else "bright_black")
            else:
                text.append(f"⟦{part}⟧" if trained else part)
        rich.print(text)
        click.echo("", err=True)


def _stretches(
    ids: tuple[int, ...], trained: tuple[bool, ...], template: ChatTemplate
) -> list[tuple[str, bool]]:
    """(text, trained) of neighbouring tokens of one kind; decoded together, so that no character is split."""
    groups: list[tuple[list[int], bool]] = []
    for token, flag in zip(ids, trained, strict=True):
        if not groups or groups[-1][1] != flag:
            groups.append(([], flag))
        groups[-1][0].append(token)
    return [(template.tokenizer.decode(group), flag) for group, flag in groups]
