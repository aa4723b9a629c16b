"""A plan in, the study's folder with its resolved files out; one that was begun with another base is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import yaml

from loralab.config.load import load_config
from loralab.config.render import PATHS, Dumper, as_written, to_dict, to_yaml
from loralab.config.schema import Config, RunConfig, TrackConfig
from loralab.errors import Problem, UsageError
from loralab.run.files import write_text
from loralab.study.axes import Axis
from loralab.study.cells import Planned, plan_cell
from loralab.study.folder import StudyFolder
from loralab.study.plan import Plan
from loralab.study.schema import Cluster
from loralab.words import say


def begin(plan: Plan) -> StudyFolder:
    """Make the study's folder, or take up the one that is there.

    Raises UsageError if its cells were trained from another base config, ResourceError if it cannot be written.
    """
    folder = StudyFolder(plan.folder)
    if folder.base.is_file():
        _refuse_other_base(plan, folder)
    else:
        write_text(folder.base, to_yaml(plan.base))
    write_text(folder.file, study_yaml(plan))
    return folder


def add_cells(folder: StudyFolder, planned: Sequence[Planned], drawn_again: int = 0) -> None:
    """Write the config of each cell, whose runs will lie beside it, and which cells there are."""
    for one in planned:
        cell = folder.of(one.cell)
        config = replace(one.config, run=RunConfig(dir=str(cell.path), name=one.cell.name))
        if not cell.config.is_file():
            write_text(cell.config, to_yaml(config))
    folder.write_plan([one.cell for one in planned], drawn_again)


def study_yaml(plan: Plan) -> str:
    """The study as a file beside base.yaml: loaded again it gives the same cells."""
    document: dict[str, Any] = {
        "base": "base.yaml", "metric": plan.settings.metric, "unlike": plan.settings.unlike,
        "dir": as_written(str(plan.folder.parent)), "name": plan.folder.name,
    }  # fmt: skip
    if plan.price:
        document["price"] = asdict(plan.price)
    if plan.cluster != Cluster():
        document["cluster"] = asdict(plan.cluster)
    if plan.search:
        document |= {"search": asdict(plan.search), "axes": {a.key: _axis(plan, a) for a in plan.axes}}
    else:
        document["cells"] = [_written(one.cell.values) for one in plan.cells]
    return yaml.dump(document, Dumper=Dumper, allow_unicode=True, sort_keys=False, width=100)


def _axis(plan: Plan, axis: Axis) -> Any:
    """The values of an axis as they are written, or its range."""
    if axis.range:
        return asdict(axis.range)
    cells = [plan_cell(plan.base, [given], plan.place).cell for given in axis.choices]
    return [_written(cell.values)[axis.key] for cell in cells]


def _written(values: Any) -> dict[str, Any]:
    """Values as a YAML file has them: dollars in paths doubled, a test set that is none named so."""
    paths = {f"{section}.{key}" for section, key in PATHS}
    found = {key: as_written(value) if key in paths else value for key, value in values.items()}
    if "data.test" in found and found["data.test"] is None:
        found["data.test"] = "none"
    return found


def _refuse_other_base(plan: Plan, folder: StudyFolder) -> None:
    """Raise UsageError if the base is not the one that the folder's cells came from."""
    one, two = (to_dict(_recipe(config)) for config in (load_config(folder.base), plan.base))
    differing = [f"{s}.{k}" for s, keys in one.items() for k in keys if one[s][k] != two[s][k]]
    if differing:
        raise UsageError(
            Problem(
                say("the base config is not the one this study began with; it differs in: {keys}",
                    keys=", ".join(differing)),
                plan.settings.base,
                say("finished cells would not be comparable with new ones"),
                say("undo the edit, or give the study another name:"),
            )
        )  # fmt: skip


def _recipe(config: Config) -> Config:
    """The config without what says nothing about the model."""
    return replace(config, run=RunConfig(), track=TrackConfig())
