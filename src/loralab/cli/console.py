"""What the commands say: words to stderr in the reader's language, data to stdout."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import click

from loralab.run.files import dump_json
from loralab.safe_text import json_for_terminals, one_line
from loralab.words import Words, choose_language, say

QUIET, NORMAL, VERBOSE = -1, 0, 1


@dataclass
class Console:
    """Language and loudness of one command."""

    language: str = field(default_factory=lambda: choose_language(None))
    loudness: int = NORMAL
    printer: Callable[[str], None] | None = None  # where words go while a bar is drawn

    def say(self, words: Words, loudness: int = NORMAL) -> None:
        """A sentence on stderr, unless the reader asked for less."""
        if self.loudness >= loudness:
            text = words.text(self.language)
            self.printer(text) if self.printer else click.echo(text, err=True)

    def next(self, words: Words, loudness: int = NORMAL) -> None:
        """The next command to run: the last line of every verb. Paths in it are quoted for a shell."""
        self.say(say("next: {command}", command=words.as_command()), loudness)

    def data(self, value: Any) -> None:
        """One JSON document in one line on stdout."""
        click.echo(json_for_terminals(dump_json(value)))

    def line(self, *cells: object) -> None:
        """A line on stdout, its cells divided by tabs. Control characters in them are shown, not obeyed."""
        click.echo("\t".join(one_line(str(cell)).replace("\t", "␉") for cell in cells))

    @property
    def live(self) -> bool:
        """Whether stderr is a terminal that may be redrawn."""
        return sys.stderr.isatty() and self.loudness >= NORMAL


def common(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that every verb has; the command gets a `console`."""

    def set_language(context: click.Context, _: click.Parameter, value: str | None) -> None:
        if value:
            console(context).language = choose_language(value)

    def set_loudness(level: int) -> Callable[..., None]:
        def callback(context: click.Context, _: click.Parameter, value: bool) -> None:
            if value:
                console(context).loudness = level

        return callback

    options = [
        click.option("-q", "--quiet", is_flag=True, expose_value=False, callback=set_loudness(QUIET), help="Only errors."),
        click.option("-v", "--verbose", is_flag=True, expose_value=False, callback=set_loudness(VERBOSE), help="More words."),
        click.option("--lang", metavar="en|zh", expose_value=False, callback=set_language, help="Language of the words."),
    ]  # fmt: skip
    for option in options:
        function = option(function)
    return function


def console(context: click.Context) -> Console:
    """The console of the running command."""
    return context.ensure_object(Console)


pass_console = click.make_pass_decorator(Console, ensure=True)
