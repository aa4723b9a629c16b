"""What a combination changes in the base config in, a cell with its name out: the same name for the same changes."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

import yaml

from loralab.config.coerce import Place
from loralab.config.load import with_nodes
from loralab.config.render import to_dict
from loralab.config.schema import Config
from loralab.run.files import dump_json
from loralab.run.folder import slug

Given = tuple[str, yaml.Node, str]  # section.key, its value, file:line
SEED = "train.seed"
ID_DIGITS = 8
NAME_LENGTH = 60


@dataclass(frozen=True)
class Cell:
    """One combination. `values` are {section.key: plain value}; `id` is a hash of them, `name` that of its folder."""

    id: str
    name: str
    label: str
    values: Mapping[str, Any]

    @property
    def recipe(self) -> str:
        """The id that this cell shares with those that differ from it in the seed alone."""
        return cell_id({key: value for key, value in self.values.items() if key != SEED})


@dataclass(frozen=True)
class Planned:
    """A cell, its whole config, and where in the study file it stands."""

    cell: Cell
    config: Config
    where: str = ""


def plan_cell(base: Config, given: Sequence[Given], place: Place, where: str = "") -> Planned:
    """The cell of a combination; raises UsageError with every value that does not fit."""
    config = with_nodes(base, given, place)
    return Planned(make_cell(values_of(config, [key for key, _, _ in given])), config, where)


def make_cell(values: Mapping[str, Any]) -> Cell:
    """The cell with these values."""
    found = cell_id(values)
    label = label_of(values)
    return Cell(found, f"{slug(label.replace('=', '-'), NAME_LENGTH)}-{found}", label, dict(values))


def values_of(config: Config, keys: Sequence[str]) -> dict[str, Any]:
    """The plain values that a config has at these keys."""
    found = to_dict(config)
    return {key: found[key.partition(".")[0]][key.partition(".")[2]] for key in keys}


def cell_id(values: Mapping[str, Any]) -> str:
    """Hex digits of a hash over the values; the order of the keys does not count."""
    text = dump_json(sorted(values.items()))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:ID_DIGITS]


def label_of(values: Mapping[str, Any]) -> str:
    """The values as people read them: `model=Qwen2.5-0.5B rank=8`; `base` where nothing is changed."""
    names = Counter(key.partition(".")[2] for key in values)
    return " ".join(f"{_short(key, names)}={_text(value)}" for key, value in values.items()) or "base"


def with_distinct_labels(planned: Sequence[Planned]) -> list[Planned]:
    """The cells, those whose labels read alike with their id behind it."""
    counts = Counter(one.cell.label for one in planned)
    return [
        replace(one, cell=replace(one.cell, label=f"{one.cell.label} ({one.cell.id})"))
        if counts[one.cell.label] > 1
        else one
        for one in planned
    ]


def _short(key: str, names: Mapping[str, int]) -> str:
    """The key's own name, with its section where that is needed."""
    section, _, name = key.partition(".")
    if key == "model.name":
        return "model"
    return f"{section}.{name}" if names[name] > 1 or name == "name" else name


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list):
        return "+".join(map(_text, value))
    if isinstance(value, dict):
        return ",".join(f"{key}:{_text(item)}" for key, item in value.items())
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    return PurePath(value).name or value if isinstance(value, str) else str(value)
