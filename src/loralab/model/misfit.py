"""The tensors of an adapter file and those that a model has places for in, whether each has its place out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from loralab.errors import Problem, UsageError
from loralab.model.small_files import read_object
from loralab.words import Words, say

SETTINGS = "adapter_config.json"
Shapes = Mapping[str, tuple[int, ...]]


def refuse_misfits(found: Shapes, expected: Shapes, folder: Path) -> None:
    """Raise UsageError unless the file holds exactly the tensors that its settings make, in their shapes."""
    differing = [name for name in sorted(expected) if name in found and found[name] != expected[name]]
    missing = sorted(expected.keys() - found.keys())
    foreign = sorted(found.keys() - expected.keys())
    problems = []
    if differing:
        name = differing[0]
        what = say(
            "{name} is {found} in the adapter, this model asks for {expected} (tensors that do not fit: {n})",
            n=len(differing), name=name, found=list(found[name]), expected=list(expected[name]),
        )  # fmt: skip
        problems.append(Problem(what, str(folder), made_for(folder), advice()))
    if missing:
        what = say(
            "the adapter lacks {n} tensors that its settings ask for, first {name}",
            n=len(missing),
            name=missing[0],
        )
        problems.append(Problem(what, str(folder)))
    if foreign:
        what = say(
            "the adapter holds {n} tensors that its settings have no place for, first {name}",
            n=len(foreign),
            name=foreign[0],
        )
        problems.append(Problem(what, str(folder)))
    if problems:
        raise UsageError(*problems)


def shapes_of(tensors: Mapping[str, Any]) -> Shapes:
    """The shape of each tensor by its name."""
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def made_for(folder: Path) -> Words | None:
    """Which model the adapter was made for, if it says so."""
    base = read_object(folder, SETTINGS)[0].get("base_model_name_or_path")
    return say("the adapter was made for {base}", base=base) if base else None


def advice() -> Words:
    """What to do with an adapter that does not fit."""
    return say("put the adapter on the model that it was made for")
