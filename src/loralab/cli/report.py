"""`loralab report`: a run in, its report page written out."""

from __future__ import annotations

import click

from loralab.cli.console import Console, common, pass_console
from loralab.report import write_report
from loralab.run.view import open_run
from loralab.words import say


@click.command()
@click.argument("run", type=click.Path())
@common
@pass_console
def report(console: Console, run: str) -> None:
    """Write RUN/report.html, one file that opens anywhere, and print its path."""
    path = write_report(open_run(run), console.language)
    click.echo(str(path))
    console.next(say("open it in a browser, or send it as it is"))
