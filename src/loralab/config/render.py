"""A `Config` in, YAML or reference text out: the resolved file, the commented starter, the docs table."""

from __future__ import annotations

import dataclasses
import re
import typing
from typing import Any, Literal

import yaml

from loralab.config.load import SECTIONS
from loralab.config.schema import Config, DataSource, Slice


def to_dict(config: Config) -> dict[str, dict[str, Any]]:
    """The config as plain values, in the form a YAML file has."""
    return {
        section: {f.name: _plain(getattr(getattr(config, section), f.name)) for f in dataclasses.fields(cls)}
        for section, cls in SECTIONS.items()
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Slice):
        return str(value)
    if isinstance(value, DataSource):
        return {
            k: v for k, v in dataclasses.asdict(value).items() if v is not None and (k, v) != ("weight", 1.0)
        }
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def to_yaml(config: Config) -> str:
    """The fully resolved config as a file that `load_config` reads back to an equal config."""
    document = to_dict(config)
    document["data"]["test"] = "none" if config.data.test is None else document["data"]["test"]
    for section, key in PATHS:
        document[section][key] = as_written(document[section][key])
    return yaml.dump(document, Dumper=Dumper, allow_unicode=True, sort_keys=False, width=100)


class Dumper(yaml.SafeDumper):
    """Writes text with Unicode line breaks in double quotes: other styles would fold them into spaces."""


def _represent_text(dumper: Dumper, text: str) -> yaml.ScalarNode:
    style = '"' if re.search("[\x85\u2028\u2029]", text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


Dumper.add_representer(str, _represent_text)


PATHS = (
    ("model", "name"), ("data", "train"), ("data", "test"), ("data", "probes"), ("data", "split"), ("lora", "init"),
    ("run", "dir"),
)  # fmt: skip


def as_written(value: Any) -> Any:
    """Absolute paths with `$` doubled, since a single one begins a variable."""
    if isinstance(value, list):
        return [as_written(item) for item in value]
    if isinstance(value, dict):
        return {key: as_written(item) for key, item in value.items()}
    return value.replace("$", "$$") if isinstance(value, str) and value.startswith("/") else value


STARTER_VALUES = {
    "model.name": "Qwen/Qwen2.5-0.5B-Instruct",
    "data.train": "train.jsonl",
    "data.system": "你是一个法律专家，请根据用户的问题给出专业的回答",
    "run.name": "null",
}


def starter(language: str) -> str:
    """The commented file of `loralab init`: the ten or so fields that a first run needs."""
    lines: list[str] = []
    for section, cls in SECTIONS.items():
        fields = [f for f in dataclasses.fields(cls) if f.metadata["starter"]]
        lines += [f"{section}:"] if fields else []
        for item in fields:
            default = getattr(cls(), item.name)
            value = STARTER_VALUES.get(
                f"{section}.{item.name}", "null" if default is None else _scalar(default)
            )
            comment = item.metadata["doc_zh" if language == "zh" else "doc"]
            lines += [f"  # {comment}{_choices(cls, item.name)}", f"  {item.name}: {value}"]
    return "\n".join(lines) + "\n"


def reference(language: str) -> str:
    """The configuration page: a Markdown table of keys, defaults and meanings for each section."""
    head = "| 键 | 默认值 | 含义 |" if language == "zh" else "| key | default | meaning |"
    blocks: list[str] = []
    for section, cls in SECTIONS.items():
        rows = [f"## {section}", "", head, "| --- | --- | --- |"]
        for item in dataclasses.fields(cls):
            default = _scalar(_plain(getattr(cls(), item.name))) or "-"
            meaning = item.metadata["doc_zh" if language == "zh" else "doc"]
            choices = _choices(cls, item.name).replace("|", "\\|")  # a bare bar would end the table's cell
            rows.append(f"| `{item.name}` | `{default}` | {meaning}{choices} |")
        blocks.append("\n".join(rows))
    return "\n\n".join(blocks) + "\n"


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None or value == {} else str(value)


def _choices(cls: type, name: str) -> str:
    hint = typing.get_type_hints(cls)[name]
    if typing.get_origin(hint) is not Literal:
        return ""
    return " (" + " | ".join(typing.get_args(hint)) + ")"
