"""A study file in, the plan of the study out, or every mistake in it at once."""

from __future__ import annotations

import dataclasses
import os
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import yaml

from loralab.config.coerce import BadValue, Place, check_tags, read_value
from loralab.config.load import Reading, compose, entries, line_of, load_config, unknown
from loralab.config.schema import Config
from loralab.errors import Problem, UsageError
from loralab.evaluate.direction import direction
from loralab.evaluate.heldout import PERPLEXITY
from loralab.run.folder import slug
from loralab.study.axes import (
    Axis,
    combinations,
    read_axes,
    read_cells,
    refuse_other_questions,
    refuse_set_twice,
)
from loralab.study.cells import Given, Planned, plan_cell, with_distinct_labels
from loralab.study.schema import Cluster, Price, Search, Settings
from loralab.words import say

STAGE = "after"  # what a study compares: the chosen adapters
FILE = "study.yaml"
OWN = tuple(field.name for field in dataclasses.fields(Settings))
KEYS = (*OWN, "axes", "cells", "search", "price", "cluster")

Parts = Mapping[str, tuple[yaml.Node, str]]  # key to its node and its place
Section = TypeVar("Section", Settings, Price, Search, Cluster)


@dataclass(frozen=True)
class Plan:
    """A study as its file says. `cells` are those of a grid or list; a search draws its own from `axes`."""

    path: Path
    folder: Path
    settings: Settings
    base: Config
    place: Place
    axes: tuple[Axis, ...]
    cells: tuple[Planned, ...]
    search: Search | None
    price: Price | None
    cluster: Cluster


def load_study(path: str | Path, environment: Mapping[str, str] = os.environ) -> Plan:
    """The plan in a study file, or in a study's folder. Nothing is written and no model is looked for.

    Raises UsageError with every mistake found, in the study file and in its base.
    """
    path = Path(path)
    path = path / FILE if (path / FILE).is_file() else path
    if not path.is_file():
        raise UsageError(Problem(say("no such file"), str(path)))
    root, reading = compose(path), Reading()
    if not isinstance(root, yaml.MappingNode):
        raise UsageError(Problem(say("must hold base: and axes: or cells:"), f"{path}:1"))
    place = Place(path.absolute().parent, environment)
    parts = _parts(root, path, reading)
    settings = _section(Settings, parts, "", path, place, reading)
    search = _optional(Search, "search", parts, path, place, reading)
    price = _optional(Price, "price", parts, path, place, reading)
    cluster = _optional(Cluster, "cluster", parts, path, place, reading) or Cluster()
    _check_metric(settings, parts, reading)
    base = _base(settings, parts, environment, reading)
    axes, listed = _space(parts, path, search, reading)
    if settings.unlike == "refuse":
        changed = [(axis.key, axis.where) for axis in axes]
        changed += [(key, where) for given in listed for key, _, where in given]
        refuse_other_questions(changed, base, reading)
    cells: list[Planned] = []
    if base and not search and not reading.problems:
        cells = _planned(base, list(combinations(listed, axes)), place, reading)
    elif base:
        _check_values(base, axes, listed, place, reading)
    _raise(reading)
    assert base is not None
    return Plan(
        path,
        _folder(settings, path),
        settings,
        base,
        place,
        tuple(axes),
        tuple(cells),
        search,
        price,
        cluster,
    )


def _parts(root: yaml.MappingNode, path: Path, reading: Reading) -> dict[str, tuple[yaml.Node, str]]:
    found = {}
    for key, node, where in entries(root, path, "", reading):
        if key not in KEYS:
            reading.wrong(where, unknown(key, "", list(KEYS)))
            continue
        try:
            check_tags(node)
            found[key] = (node, where)
        except BadValue as bad:
            reading.wrong(where, say("{key} {problem}", key=key, problem=bad.words))
    return found


def _section(
    cls: type[Section], parts: Parts, prefix: str, path: Path, place: Place, reading: Reading
) -> Section:
    """Read the fields of `cls`; what is wrong is noted, and has its default in the result."""
    hints, values = typing.get_type_hints(cls), {}
    for item in dataclasses.fields(cls):
        if item.name not in parts:
            continue
        node, where = parts[item.name]
        try:
            values[item.name] = read_value(node, hints[item.name], item, place)
        except BadValue as bad:
            reading.wrong(where, say("{key} {problem}", key=prefix + item.name, problem=bad.words))
            continue
    for item in dataclasses.fields(cls):
        required = item.metadata["limits"] == "is required" and item.name not in parts
        if required and not reading.complained_of(item.name):
            reading.wrong(str(path), say("{key} is required", key=prefix + item.name))
    return cls(**values)


def _optional(
    cls: type[Section], key: str, parts: Parts, path: Path, place: Place, reading: Reading
) -> Section | None:
    """A section that may be absent."""
    if key not in parts:
        return None
    node, where = parts[key]
    if not isinstance(node, yaml.MappingNode):
        reading.wrong(where, say("{key} must hold keys, one a line", key=key))
        return None
    known = [item.name for item in dataclasses.fields(cls)]
    mine = {name: (value, line) for name, value, line in entries(node, path, f"{key}.", reading)}
    for name, (_, line) in mine.items():
        if name not in known:
            reading.wrong(line, unknown(name, key, known))
    if cls is Price and "device_hour" not in mine:
        reading.wrong(where, say("{key} is required", key="price.device_hour"))
    return _section(cls, mine, f"{key}.", path, place, reading)


def _check_metric(settings: Settings, parts: Parts, reading: Reading) -> None:
    where = parts["metric"][1] if "metric" in parts else ""
    task, _, metric = settings.metric.rpartition("/")
    if not (task and metric):
        reading.wrong(where, say("metric is written task/metric, such as heldout/loss"))
    if not direction(metric):
        reading.wrong(where, say("{metric} is good in neither direction: nothing can be judged by it",
                                 metric=settings.metric))  # fmt: skip
    for loss, perplexity in PERPLEXITY.items():
        if metric == perplexity:
            reading.wrong(where, say("{metric} says the same as {loss}, which has differences row by row: use that",
                                     metric=settings.metric, loss=f"{task}/{loss}"))  # fmt: skip


def _base(
    settings: Settings, parts: Parts, environment: Mapping[str, str], reading: Reading
) -> Config | None:
    """The config that all cells start from; its mistakes are noted beside those of the study."""
    if not settings.base:
        return None
    try:
        base = load_config(settings.base, environment=environment)
    except UsageError as error:
        reading.problems += error.problems
        return None
    if STAGE not in base.evaluate.stages:
        where = parts["base"][1]
        reading.wrong(
            where, say("evaluate.stages of the base has no {stage}, which a study compares", stage=STAGE)
        )
    return base


def _space(
    parts: Parts, path: Path, search: Search | None, reading: Reading
) -> tuple[list[Axis], list[tuple[Given, ...]]]:
    """The axes and the listed combinations."""
    if not (
        {"axes", "cells"} & set(parts) or reading.complained_of("axes") or reading.complained_of("cells")
    ):
        reading.wrong(
            str(path), say("has no axes: and no cells:, one of which says what differs between cells")
        )
    axes = read_axes(*parts["axes"], path, reading, "search" in parts) if "axes" in parts else []
    listed = read_cells(*parts["cells"], path, reading) if "cells" in parts else []
    refuse_set_twice(listed, axes, reading)
    if "search" in parts and "cells" in parts:
        reading.wrong(parts["cells"][1], say("a search draws from axes; cells would have no effect"))
    budget = ("train.epochs", "train.max_steps")
    if search and search.method == "halving":
        for axis in axes:
            if axis.key in budget:
                reading.wrong(axis.where, say("halving sets {key} itself", key=axis.key))
    return axes, listed


def _planned(
    base: Config, given: Sequence[tuple[Given, ...]], place: Place, reading: Reading
) -> list[Planned]:
    """The cell of each combination; what is wrong is noted, each thing once, and cells that are the same."""
    found: list[Planned] = []
    for one in given:
        where = one[-1][2] if one else ""
        try:
            found.append(plan_cell(base, one, place, where))
        except UsageError as error:
            told = {(str(p.what), p.where) for p in reading.problems}
            reading.problems += [p for p in error.problems if (str(p.what), p.where) not in told]
    _refuse_same(found, reading)
    return with_distinct_labels(found)


def _check_values(
    base: Config, axes: Sequence[Axis], listed: Sequence[tuple[Given, ...]], place: Place, reading: Reading
) -> None:
    """Note every value that does not fit, where the cells are not made: a search draws them, or other things are wrong."""
    alone = [(given,) for axis in axes for given in (axis.choices or axis.ends)]
    for given in (*alone, *listed):
        try:
            plan_cell(base, given, place)
        except UsageError as error:
            reading.problems += error.problems


def _refuse_same(planned: Sequence[Planned], reading: Reading) -> None:
    """Note cells whose configs are equal: they would be one experiment, counted twice."""
    first: dict[str, Planned] = {}
    for one in planned:
        same = first.setdefault(repr(one.config), one)
        if same is not one:
            reading.wrong(one.where, say("the cell {cell} is the same as another: {other}",
                                         cell=one.cell.label, other=same.cell.label))  # fmt: skip


def _folder(settings: Settings, path: Path) -> Path:
    """The study's folder; that of the file itself where it lies in one."""
    if path.name == FILE and (path.parent / "cells").is_dir():
        return path.absolute().parent
    return Path(settings.dir).absolute() / slug(settings.name or path.stem)


def _raise(reading: Reading) -> None:
    if reading.problems:
        raise UsageError(*sorted(reading.problems, key=line_of))
