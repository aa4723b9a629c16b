"""An adapter folder in PEFT format in, a refusal out that names everything that is missing or broken; no torch is imported."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from loralab.errors import Problem, UsageError
from loralab.model.misfit import SETTINGS
from loralab.model.small_files import place_problem, read_object
from loralab.model.weights import safetensors_problem
from loralab.words import say

WEIGHTS = "adapter_model.safetensors"
PICKLE = "adapter_model.bin"


def check_adapter_folder(folder: Path) -> None:
    """Raise UsageError unless a folder holds a whole LoRA adapter."""
    check_adapter_files(folder)
    kind = str(read_object(folder, SETTINGS)[0].get("peft_type", "LORA"))
    if kind.upper() != "LORA":
        what = say("the adapter is of the kind {kind}, only LoRA is read", kind=kind)
        raise UsageError(Problem(what, str(folder / SETTINGS)))


def check_adapter_files(folder: Path) -> None:
    """Raise UsageError with each file of an adapter that is missing, broken or a link out of the folder."""
    if not folder.is_dir():
        raise UsageError(Problem(say("folder does not exist"), str(folder)))
    if found := [*_settings_problems(folder), *_weight_problems(folder)]:
        raise UsageError(*found)


def _settings_problems(folder: Path) -> Iterator[Problem]:
    problem = read_object(folder, SETTINGS)[1]
    if problem:
        yield problem
    elif not (folder / SETTINGS).is_file():
        yield Problem(say("has no {name}: it is not an adapter folder", name=SETTINGS), str(folder))


def _weight_problems(folder: Path) -> Iterator[Problem]:
    path = folder / WEIGHTS
    if misplaced := place_problem(folder, path):
        yield Problem(misplaced, str(path))
    elif path.is_file():
        if broken := safetensors_problem(path):
            yield Problem(broken, str(path))
    elif (folder / PICKLE).is_file():
        what = say("has only pickle weights ({name}), no safetensors", name=PICKLE)
        yield Problem(what, str(folder), say("loading a pickle runs code that is in the file"))
    else:
        yield Problem(say("weight file is missing"), str(path))
