"""`loralab env`: the machine and the software, for a bug report."""

from __future__ import annotations

from typing import Any

import click

from loralab.cli.console import Console, common, pass_console
from loralab.train.environment import hardware, versions
from loralab.words import say


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@common
@pass_console
def env(console: Console, as_json: bool) -> None:
    """Show versions, processor, memory and GPUs."""
    from loralab.model.load import pick_device, pick_dtype

    device = pick_device()
    facts = {
        "versions": versions(),
        "hardware": hardware(),
        "device": device,
        "dtype": pick_dtype("auto", device),
    }
    if as_json:
        console.data(facts)
    else:
        _print(facts, console)
    console.next(say("loralab demo"))


def _print(facts: dict[str, Any], console: Console) -> None:
    for group, values in facts.items():
        lines = values.items() if isinstance(values, dict) else [("", values)]
        for name, value in lines:
            console.line(f"{group} {name}: {value}".replace(" :", ":"))
