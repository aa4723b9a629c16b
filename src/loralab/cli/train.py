"""`loralab train`: a config in, a run folder and its scores out."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from loralab import api
from loralab.cli.console import Console, common, pass_console
from loralab.cli.finish import finish, telling_how_to_resume
from loralab.cli.ranked import Work, devices_option, shared
from loralab.cli.terminal import TerminalSink
from loralab.config import load_config
from loralab.model.placement import refuse_sharing
from loralab.train.ranks.base import Ranks
from loralab.train.stop import StopRequest


@click.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.argument("overrides", nargs=-1, metavar="[section.key=value ...]")
@click.option("--json", "as_json", is_flag=True, help="End with one JSON line: run, status, scores.")
@devices_option
@common
@pass_console
def train(
    console: Console, config: Path, overrides: tuple[str, ...], as_json: bool, devices: int | None
) -> int:
    """Train, evaluate and record one run.

    CONFIG is a YAML file (see `loralab init`); further words override its values, such as train.epochs=3.
    """

    def ready() -> Work:
        settings = load_config(config, overrides)
        refuse_sharing(settings.model, devices or 1)
        terminal = TerminalSink(console, settings.train.log_every_steps)

        def work(ranks: Ranks, stop: StopRequest) -> None:
            with telling_how_to_resume(console, terminal, devices):
                run = api.train(
                    settings, sinks=[terminal], stop=stop, command=["loralab", *sys.argv[1:]],
                    language=console.language, ranks=ranks,
                )  # fmt: skip
            finish(run, console, as_json)

        return work

    return shared(console, devices, ready)
