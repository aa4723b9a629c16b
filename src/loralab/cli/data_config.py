"""What `check` and `prepare` are given in, a config and its tokenizer out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from loralab.config import Config, load_config, override
from loralab.data.sources import pinned
from loralab.encode.template import ChatTemplate, read_template
from loralab.errors import Problem, UsageError
from loralab.hub.base import Progress
from loralab.hub.data import is_remote
from loralab.model.folder import check_model_folder
from loralab.model.locate import locate
from loralab.model.tokenizer import load_tokenizer
from loralab.words import Words, say

CONFIG_SUFFIXES = (".yaml", ".yml")
NO_MODEL = "(none)"


def config_of(
    path: str, overrides: tuple[str, ...], model: str | None, progress: Progress
) -> tuple[Config, list[Words]]:
    """The config in a file, or the defaults with `path` as data; files of hubs are fetched, and what that showed.

    Raises UsageError if there is no such file or the config is wrong.
    """
    words = [*overrides, *([f"model.name={model}"] if model else [])]
    if Path(path).suffix in CONFIG_SUFFIXES:
        config = load_config(Path(path), words)
    elif is_remote(path) or Path(path).exists():
        data = replace(Config().data, train=(path if is_remote(path) else str(Path(path).absolute()),))
        start = replace(Config(), data=data, model=replace(Config().model, name=NO_MODEL))
        config = override(start, words)
    else:
        raise UsageError(Problem(say("no such file"), path))
    data, notes = pinned(config.data, progress)
    return replace(config, data=data), notes


def template_of(config: Config) -> tuple[ChatTemplate | None, UsageError | None]:
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
