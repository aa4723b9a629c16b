"""The axes and cells of a study file in, what they may change and to what out; what must not differ is refused."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from loralab.config.coerce import TYPES, BadValue, check_tags
from loralab.config.load import SECTIONS, Reading, entries, unknown
from loralab.config.schema import Config
from loralab.study.cells import Given
from loralab.words import Words, say

ASKED = (
    "data.test",
    "data.probes",
    "data.split",
    "data.split_seed",
    "data.stratify",
    "data.system",
    "evaluate.",
)
OF_THE_STUDY = ("run.", "track.")
ROWS = ("data.train", "data.rows")
NUMBER = "tag:yaml.org,2002:float"
RANGE_KEYS = ("low", "high", "log")


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included, of which a search draws; `log`: as many below as above the middle of the orders of magnitude."""

    low: float
    high: float
    log: bool


@dataclass(frozen=True)
class Axis:
    """A key with the values that it takes, or with a range."""

    key: str
    where: str
    choices: tuple[Given, ...] = ()
    range: Range | None = None

    @property
    def ends(self) -> tuple[Given, ...]:
        """The lowest and the highest value of the range."""
        assert self.range
        ends = (self.range.low, self.range.high)
        return tuple((self.key, yaml.ScalarNode(NUMBER, f"{end:g}"), self.where) for end in ends)


def read_axes(node: yaml.Node, where: str, path: Path, reading: Reading, is_search: bool) -> list[Axis]:
    """The axes of a study file; what is wrong with them is noted."""
    if not isinstance(node, yaml.MappingNode):
        reading.wrong(where, say("{key} must hold keys, one a line", key="axes"))
        return []
    found = [
        _axis(key, value, line, path, reading, is_search)
        for key, value, line in entries(node, path, "axes.", reading)
        if is_key(key, line, reading)
    ]
    return [axis for axis in found if axis]


def is_key(key: str, where: str, reading: Reading) -> bool:
    """Whether a cell may set the key; if not, why is noted."""
    section, _, name = key.partition(".")
    known = {s: [f.name for f in dataclasses.fields(cls)] for s, cls in SECTIONS.items()}
    if section not in known:
        reading.wrong(where, unknown(key, "", list(known)))
    elif name not in known[section]:
        reading.wrong(where, unknown(name, section, known[section]))
    elif key.startswith(OF_THE_STUDY):
        reading.wrong(where, say("{key} cannot differ between cells: it says nothing about the model", key=key),
                      say("set it in the base config"))  # fmt: skip
    else:
        return True
    return False


def _axis(
    key: str, node: yaml.Node, where: str, path: Path, reading: Reading, is_search: bool
) -> Axis | None:
    if isinstance(node, yaml.MappingNode) and is_search and key != "data.fields":
        found = _range(key, node, where, path, reading)
        return Axis(key, where, range=found) if found else None
    if not isinstance(node, yaml.SequenceNode) or not node.value:
        what = (
            say("{key} must be a list of values, or a range {{low: 1, high: 8}}", key=key)
            if is_search
            else say("{key} must be a list of values", key=key)
        )
        reading.wrong(where, what)
        return None
    return Axis(key, where, tuple((key, item, _place(item, path)) for item in node.value))


def _range(key: str, node: yaml.MappingNode, where: str, path: Path, reading: Reading) -> Range | None:
    """low, high and log of a range; what is wrong is noted."""
    before = len(reading.problems)
    values: dict[str, float | bool] = {}
    for name, value, line in entries(node, path, f"{key}.", reading):
        if name not in RANGE_KEYS:
            reading.wrong(line, unknown(name, key, list(RANGE_KEYS)))
            continue
        try:
            check_tags(value)
            values[name] = TYPES[bool if name == "log" else float](value)
        except BadValue as bad:
            reading.wrong(line, say("{key} {problem}", key=f"{key}.{name}", problem=bad.words))
    if len(reading.problems) > before:
        return None
    if not {"low", "high"} <= set(values):
        reading.wrong(where, say("{key} must have low and high", key=key))
        return None
    found = Range(values["low"], values["high"], bool(values.get("log")))
    if found.low >= found.high or (found.log and found.low <= 0):
        reading.wrong(where, say("{key}: low must be below high, and above 0 with log", key=key))
        return None
    return found


def read_cells(node: yaml.Node, where: str, path: Path, reading: Reading) -> list[tuple[Given, ...]]:
    """The combinations that a study file lists; what is wrong with them is noted."""
    if not isinstance(node, yaml.SequenceNode) or not node.value:
        reading.wrong(where, say("{key} must be a list of mappings such as {{lora.rank: 8}}", key="cells"))
        return []
    found: list[tuple[Given, ...]] = []
    for item in node.value:
        line = _place(item, path)
        if not isinstance(item, yaml.MappingNode):
            reading.wrong(line, say("{key} must be a list of mappings such as {{lora.rank: 8}}", key="cells"))
            continue
        given = entries(item, path, "cells.", reading)
        found.append(tuple((key, value, at) for key, value, at in given if is_key(key, at, reading)))
    return found


def combinations(cells: Sequence[tuple[Given, ...]], axes: Sequence[Axis]) -> Iterator[tuple[Given, ...]]:
    """Every listed combination with every one of the axes' values."""
    for listed in cells or [()]:
        for chosen in itertools.product(*(axis.choices for axis in axes)):
            yield (*listed, *chosen)


def refuse_set_twice(cells: Sequence[tuple[Given, ...]], axes: Sequence[Axis], reading: Reading) -> None:
    """Note keys that both the axes and the list of cells set."""
    keys = {axis.key for axis in axes}
    for key, _, where in itertools.chain(*cells):
        if key in keys:
            reading.wrong(
                where, say("{key} is set in axes and in cells; one of them would have no effect", key=key)
            )


def refuse_other_questions(changed: Sequence[tuple[str, str]], base: Config | None, reading: Reading) -> None:
    """Note (key, file:line) of everything by which cells would be asked other questions, or in another way."""
    for key, where in changed:
        if key.startswith(ASKED):
            what = say("{key} changes what is asked: scores of the cells would not compare", key=key)
            reading.wrong(
                where, what, say("set it in the base config, or set unlike: mark to have the report marked")
            )
        elif key in ROWS and base and (other := _taken_from_rows(base)):
            what = say("{key} differs between cells, and {other} is taken from its rows: each cell would be asked"
                       " other questions", key=key, other=other)  # fmt: skip
            reading.wrong(where, what, _own_files(other))


def _own_files(other: str) -> Words:
    return say("set {other} in the base config to a file, or data.split to an earlier run", other=other)


def _taken_from_rows(base: Config) -> str:
    """The key by which test rows or probes are chosen among the rows that are trained on; empty if none is."""
    data = base.data
    if data.split:
        return ""
    for name, choice in (("data.test", data.test), ("data.probes", data.probes)):
        is_file = isinstance(choice, str) and choice != "auto"
        if choice and not is_file:
            return name
    return ""


def _place(node: yaml.Node, path: Path) -> str:
    return f"{path}:{node.start_mark.line + 1}"
