"""`loralab report`: a run in, its report page and model card written out, as PDF too, or a summary in Markdown."""

from __future__ import annotations

import click

from loralab.cli.console import Console, common, pass_console
from loralab.errors import Problem, UsageError
from loralab.report import write_report
from loralab.report.card import card_path, is_changed_by_hand, write_card
from loralab.report.markdown import build_markdown
from loralab.report.pdf import find_browser, write_pdf
from loralab.run.view import Run, open_run
from loralab.words import say


@click.command()
@click.argument("run", type=click.Path())
@click.option(
    "--pdf", is_flag=True, help="Write RUN/report.pdf too, by a Chromium or Chrome of this machine."
)
@click.option(
    "--markdown", is_flag=True, help="Print a summary in Markdown for an issue instead; no file is written."
)
@common
@pass_console
def report(console: Console, run: str, pdf: bool, markdown: bool) -> None:
    """Write RUN/report.html, one file that opens anywhere, and print its path.

    The model card of the adapter, RUN/adapter/README.md, is written again too, unless it was changed by hand.
    With --pdf the path of the PDF is printed. The browser is the one that CHROMIUM names, else chromium,
    chromium-browser or google-chrome; it gets the page as a file and no network.
    """
    if pdf and markdown:
        raise UsageError(Problem(say("--pdf and --markdown do not go together"), "--pdf"))
    found = open_run(run)
    if markdown:
        click.echo(build_markdown(found, console.language), nl=False)
        console.next(say("paste it into an issue"))
        return
    browser = find_browser() if pdf else None  # before anything is written
    _write_card(found, console)
    path = write_report(found, console.language)
    if browser is not None:
        console.say(say("page: {path}", path=path))
        path = write_pdf(path, path.with_suffix(".pdf"), browser)
    console.line(path)
    console.next(say("open it in a browser, or send it as it is"))


def _write_card(run: Run, console: Console) -> None:
    """Write the model card, and say where it is or why it was left as it is."""
    path = card_path(run)
    if write_card(run, console.language):
        console.say(say("model card: {path}", path=path))
    elif is_changed_by_hand(path):
        console.say(
            say(
                "{path} was changed by hand and stays as it is; delete it to have it written again", path=path
            )
        )
