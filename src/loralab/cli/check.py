"""`loralab check`: a config or a data file in, the data report and a mask preview out; no weights are loaded."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from loralab.cli.console import Console, common, pass_console
from loralab.cli.preview import print_preview
from loralab.config import Config, load_config, override
from loralab.encode.template import ChatTemplate, read_template
from loralab.errors import Problem, UsageError
from loralab.model.folder import check_model_folder
from loralab.model.locate import locate
from loralab.model.tokenizer import load_tokenizer
from loralab.train.prepare import Prepared, prepare
from loralab.train.start import refuse_unavailable
from loralab.words import Words, say

CONFIG_SUFFIXES = (".yaml", ".yml")


@click.command()
@click.argument("path", metavar="CONFIG|DATA_FILE", type=click.Path(path_type=Path))
@click.argument("overrides", nargs=-1, metavar="[section.key=value ...]")
@click.option(
    "--model", type=click.Path(), help="Model folder or name: token lengths and masks need its tokenizer."
)
@click.option(
    "--show",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Print N rows coloured by their loss mask.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@common
@pass_console
def check(
    console: Console, path: Path, overrides: tuple[str, ...], model: str | None, show: int, as_json: bool
) -> None:
    """Look at data and config before a model loads.

    Exit code 0: clean, or bad rows are dropped as the config says; 2: config or model; 3: bad rows.
    """
    config = _config(path, overrides, model)
    refuse_unavailable(config)
    template, missing = _template(config)
    prepared = prepare(config, template)
    if as_json:
        console.data(_document(prepared, template))
    else:
        _tell(prepared, template, config, console)
    if show and template:
        print_preview(prepared, template, show, console)
    elif show and not missing:
        raise UsageError(Problem(say("--show needs a tokenizer; add --model FOLDER")))
    if missing:
        raise missing
    prepared.refuse(config.data)
    console.next(_next(path, overrides, model))


def _config(path: Path, overrides: tuple[str, ...], model: str | None) -> Config:
    words = [*overrides, *([f"model.name={model}"] if model else [])]
    if path.suffix in CONFIG_SUFFIXES:
        return load_config(path, words)
    if not path.exists():
        raise UsageError(Problem(say("no such file"), str(path)))
    file = replace(Config().data, train=(str(path.absolute()),))
    return override(replace(Config(), data=file, model=replace(Config().model, name=NO_MODEL)), words)


NO_MODEL = "(none)"


def _template(config: Config) -> tuple[ChatTemplate | None, UsageError | None]:
    """The tokenizer's template, none when only a data file is looked at; or what is wrong with the model.

    The data can be looked at all the same, so that error is raised after the report.
    """
    if config.model.name == NO_MODEL:
        return None, None
    try:
        located = locate(config.model, "tokenizer")
        check_model_folder(located.folder, config.model.trust_remote_code, "tokenizer")
        return read_template(load_tokenizer(located.folder, config.model.trust_remote_code)), None
    except UsageError as error:
        return None, error


def _document(prepared: Prepared, template: ChatTemplate | None) -> dict[str, Any]:
    split = prepared.split
    return {
        "data": prepared.report.to_dict(),
        "split": {"train": len(split.train), "test": len(split.test), "probes": len(split.probes)},
        "template": {"end": template.end_text, "default_system": template.default_system()}
        if template
        else None,
        "warnings": [{"code": code, "message": str(words)} for code, words in prepared.warnings],
    }


def _tell(prepared: Prepared, template: ChatTemplate | None, config: Config, console: Console) -> None:
    report, split = prepared.report, prepared.split
    for file in report.files:
        console.say(say("{path}: {format}, {rows} rows", path=file.path, format=file.format, rows=file.rows))
    console.say(
        say("{read} rows read, {kept} kept: {train} to train on, {test} held out, {probes} probes",
            read=report.read, kept=report.kept, train=len(split.train), test=len(split.test), probes=len(split.probes))
    )  # fmt: skip
    if report.repaired:
        repairs = ", ".join(f"{name} {n}" for name, n in report.repaired.items())
        console.say(say("repaired: {repairs}", repairs=repairs))
    if report.tokens:
        console.say(
            say("tokens: median {median}, 95 % up to {p95}, longest {max}; {total} in all, {label_total} trained on",
                **report.tokens.to_dict())
        )  # fmt: skip
    if template:
        if config.data.system is None:
            text = template.default_system()
            console.say(say("without a system prompt the template opens with: {text!r}", text=text))
        pad = config.data.answer_end == "pad"
        end = template.tokenizer.decode([template.pad_id]) if pad else template.end_text
        console.say(say("a trained answer ends with: {text!r}", text=end))
    for _, words in prepared.warnings:
        console.say(say("warning: {message}", message=words))


def _next(path: Path, overrides: tuple[str, ...], model: str | None) -> Words:
    if path.suffix in CONFIG_SUFFIXES:
        words = [str(path), *overrides, *([f"model.name={model}"] if model else [])]
        return say("loralab train {path}", path=shlex.join(words))
    return say("loralab init law.yaml, then set data.train: {path} in it", path=path)
