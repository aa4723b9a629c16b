"""A base model with a PEFT folder in, the model with that adapter out, ready to answer.

Unlike the adapters that training starts from, these may come from other programs: any LoRA that PEFT knows.
Every tensor of the file must have its place, and every place its tensor.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from loralab.errors import Problem, UsageError
from loralab.model.adapter import NAME, read_tensors
from loralab.model.load import quiet
from loralab.model.memory import is_out_of_memory
from loralab.model.misfit import SETTINGS, advice, made_for, refuse_misfits, shapes_of
from loralab.model.small_files import read_object
from loralab.safe_text import first_line
from loralab.words import say

PREFIX = "base_model.model."
NOTED = frozenset({"peft_version"})  # settings that change nothing
NAMED = 4  # modules that a refusal names


def attach_adapter(base: Any, folder: Path) -> Any:
    """A PeftModel in eval mode around `base`, with the weights of a checked adapter folder in float32.

    Raises UsageError naming the modules that the base does not have, or the tensors that do not fit.
    """
    from peft import get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict

    tensors = read_tensors(folder)
    settings = _settings(folder)
    _refuse_unknown_modules(tensors, {name for name, _ in base.named_modules()}, folder)
    try:
        with quiet():
            model = get_peft_model(base, settings, adapter_name=NAME)
    except Exception as error:  # seam: for odd settings PEFT raises whatever they happen to break
        if is_out_of_memory(error):
            raise
        raise _unusable(error, folder) from error
    places = get_peft_model_state_dict(model, adapter_name=NAME, save_embedding_layers=False)
    refuse_misfits(shapes_of(tensors), shapes_of(places), folder)
    set_peft_model_state_dict(model, tensors, adapter_name=NAME)
    model.requires_grad_(False)
    return model.eval()


def _settings(folder: Path) -> Any:
    """PEFT's settings object; raises UsageError for settings that the installed PEFT does not know."""
    from peft import LoraConfig as PeftConfig

    value = read_object(folder, SETTINGS)[0]
    if value.get("megatron_config"):
        what = say("the adapter asks for Megatron's layers, from a Python module that it names itself")
        raise UsageError(Problem(what, str(folder / SETTINGS)))
    known = {field.name for field in dataclasses.fields(PeftConfig)}
    unknown = {k: v for k, v in value.items() if k not in known | NOTED and v}
    if unknown:
        where, advice = str(folder / SETTINGS), say("pip install --upgrade peft")
        raise UsageError(
            *(
                Problem(
                    say(
                        "the adapter has {key} {value}, which the installed PEFT does not know",
                        key=k,
                        value=v,
                    ),
                    where,
                    next=advice,
                )
                for k, v in unknown.items()
            )
        )
    try:
        settings = PeftConfig(**{k: v for k, v in value.items() if k in known})
    except Exception as error:  # seam: PEFT checks some of its settings, others fail as it uses them
        raise _unusable(error, folder) from error
    settings.inference_mode = True
    return settings


def _refuse_unknown_modules(tensors: Iterable[str], modules: Collection[str], folder: Path) -> None:
    """Raise UsageError for tensors of modules that the model does not have: PEFT passes over them."""
    wanted = dict.fromkeys(_module(name) for name in sorted(tensors))
    if missing := [name for name in wanted if name not in modules]:
        shown = ", ".join(missing[:NAMED]) + (", ..." if len(missing) > NAMED else "")
        what = say(
            "the adapter changes modules that this model does not have ({n} of {all}): {names}",
            n=len(missing),
            all=len(wanted),
            names=shown,
        )
        raise UsageError(Problem(what, str(folder), made_for(folder), advice()))


def _module(tensor: str) -> str:
    """The module of the base that a tensor belongs to."""
    name = tensor.removeprefix(PREFIX)
    return name.partition(".lora_")[0] if ".lora_" in name else name.rpartition(".")[0]


def _unusable(error: Exception, folder: Path) -> UsageError:
    reason = first_line(error)
    return UsageError(Problem(say("the adapter cannot be used: {reason}", reason=reason), str(folder)))
