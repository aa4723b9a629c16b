"""`loralab check`: a config or a data file in, the data report, a mask preview and a memory plan out.

No weights are loaded, unless --calibrate asks for a time forecast.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from loralab.cli.console import Console, common, pass_console
from loralab.cli.data_config import CONFIG_SUFFIXES, config_of, template_of
from loralab.cli.data_words import tell_contamination, tell_data
from loralab.cli.downloads import progress_lines
from loralab.cli.memory_words import tell_memory, tell_time
from loralab.cli.preview import print_preview
from loralab.config import Config
from loralab.encode.template import ChatTemplate
from loralab.errors import DataError, Problem, UsageError
from loralab.report.data_page import write_data_page
from loralab.report.data_sheet import make_sheet
from loralab.safe_text import command_line
from loralab.train.contamination import Found, find_contamination
from loralab.train.engine_choice import refuse_unsupported
from loralab.train.forecast import Forecast, forecast
from loralab.train.job import plan_job, refuse_unavailable
from loralab.train.memory_need import MemoryNeed, memory_need, need_document
from loralab.train.prepare import Prepared, prepare
from loralab.words import Words, say


@click.command()
@click.argument("path", metavar="CONFIG|DATA_FILE")
@click.argument("overrides", nargs=-1, metavar="[section.key=value ...]")
@click.option(
    "--model", type=click.Path(), help="Model folder or name: token lengths and masks need its tokenizer."
)
@click.option(
    "--against", multiple=True, type=click.Path(), metavar="FILE",
    help="Benchmark file whose questions are searched for in the rows; may be given several times.",
)  # fmt: skip
@click.option("--show", type=click.IntRange(min=0), default=0, metavar="N", help="Print N rows coloured by their loss mask.")  # fmt: skip
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write a page on the data.")  # fmt: skip
@click.option("--calibrate", is_flag=True, help="Load the model and take three steps, to forecast the time.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@common
@pass_console
def check(
    console: Console, path: str, overrides: tuple[str, ...], model: str | None, against: tuple[str, ...],
    show: int, html: Path | None, calibrate: bool, as_json: bool,
) -> None:  # fmt: skip
    """Look at data, config and the memory that a run will need, before a model loads.

    Exit code 0: clean, or bad rows are dropped as the config says; 2: config or model; 3: bad rows.
    """
    config, notes = config_of(path, overrides, model, progress_lines(console))
    refuse_unavailable(config)
    template, missing = template_of(config)
    prepared = prepare(config, template).noting(notes)
    found = find_contamination(against, prepared, config.data.encoding)
    need = _need(config, prepared, template)
    if calibrate and not template and not missing:
        raise UsageError(Problem(say("--calibrate needs a model; add --model FOLDER")))
    time = _forecast(config, prepared) if calibrate and template else None
    if as_json:
        console.data(_document(prepared, template, found) | _costs(need, time))
    else:
        tell_data(prepared, template, config, console)
        tell_contamination(found, console)
        tell_memory(need, console)
        if template:
            tell_time(time, console)
    if html:
        write_data_page(
            make_sheet(Path(path).name, prepared, template, config.data, found), html, console.language
        )
        console.say(say("page: {path}", path=html))
    if show and template:
        print_preview(prepared, template, show, console)
    elif show and not missing:
        raise UsageError(Problem(say("--show needs a tokenizer; add --model FOLDER")))
    if missing:
        raise missing
    if template:
        refuse_unsupported(None, config, Path(template.tokenizer.name_or_path))
    prepared.refuse(config.data)
    console.next(_next(path, overrides, model))


def _document(
    prepared: Prepared, template: ChatTemplate | None, contamination: dict[str, Found]
) -> dict[str, Any]:
    split = prepared.split
    document = {
        "data": prepared.report.to_dict(),
        "split": {"train": len(prepared.epoch), "test": len(split.test), "probes": len(split.probes)},
        "template": {"end": template.end_text, "default_system": template.default_system()}
        if template
        else None,
        "warnings": [{"code": code, "message": str(words)} for code, words in prepared.warnings],
    }
    return document | ({"contamination": contamination} if contamination else {})


def _need(config: Config, prepared: Prepared, template: ChatTemplate | None) -> MemoryNeed | Words:
    if template is None:
        return say("it needs a model; add --model FOLDER")
    folder = Path(template.tokenizer.name_or_path)  # where the model was found
    return memory_need(config, folder, prepared)


def _forecast(config: Config, prepared: Prepared) -> Forecast | None:
    """None for rows that `train` would refuse: that is said once the report is printed. Raises what loading raises."""
    try:
        prepared.refuse(config.data)
        prepared.refuse_without_training_rows()
    except DataError:
        return None
    return forecast(plan_job(config))


def _costs(need: MemoryNeed | Words, time: Forecast | None) -> dict[str, Any]:
    return {"memory": need_document(need), "time": asdict(time) if time else None}


def _next(path: str, overrides: tuple[str, ...], model: str | None) -> Words:
    if Path(path).suffix in CONFIG_SUFFIXES:
        words = [*overrides, *([f"model.name={model}"] if model else [])]
        return say("loralab train {path}", path=command_line(Path(path), *words))
    return say("loralab init law.yaml, then set data.train: {path} in it", path=Path(path))
