"""`loralab init`: a commented config to start from."""

from __future__ import annotations

from pathlib import Path

import click

from loralab.cli.console import Console, common, pass_console
from loralab.config.render import starter
from loralab.errors import Problem, UsageError
from loralab.run.files import write_text
from loralab.words import say


@click.command()
@click.argument("path", type=click.Path(path_type=Path), default=Path("loralab.yaml"))
@common
@pass_console
def init(console: Console, path: Path) -> None:
    """Write a commented config with the fields that a first run needs."""
    if path.exists():
        raise UsageError(Problem(say("exists already, nothing was written"), str(path)))
    write_text(path, starter(console.language))
    console.line(path)
    console.next(say("loralab check {path}", path=path))
