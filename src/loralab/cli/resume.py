"""`loralab resume`: a run folder in, the same run carried on."""

from __future__ import annotations

import click

from loralab import api
from loralab.cli.console import Console, common, pass_console
from loralab.cli.finish import finish, telling_how_to_resume
from loralab.cli.ranked import devices_option, shared
from loralab.cli.terminal import TerminalSink
from loralab.train.ranks.base import Ranks
from loralab.train.stop import StopRequest


@click.command()
@click.argument("run", type=click.Path())
@click.argument("overrides", nargs=-1, metavar="[train.epochs=N] [track.key=value ...]")
@click.option("--json", "as_json", is_flag=True, help="End with one JSON line: run, status, scores.")
@devices_option
@common
@pass_console
def resume(console: Console, run: str, overrides: tuple[str, ...], as_json: bool, devices: int | None) -> int:
    """Carry an interrupted run on from its newest whole checkpoint.

    The result equals that of an uninterrupted run. A finished run is left as it is, unless train.epochs
    is raised.
    """
    terminal = TerminalSink(console, 10)

    def work(ranks: Ranks, stop: StopRequest) -> None:
        with telling_how_to_resume(console, terminal, devices):
            result = api.resume(
                run, overrides, sinks=[terminal], stop=stop, tell=console.say, language=console.language,
                ranks=ranks,
            )  # fmt: skip
        finish(result, console, as_json)

    return shared(console, devices, lambda: work)
