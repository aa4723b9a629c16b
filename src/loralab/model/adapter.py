"""A base model and LoRA settings in, a PEFT model with a seeded adapter out; adapters to and from PEFT folders."""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from loralab.config.schema import LoraConfig
from loralab.errors import Problem, UsageError
from loralab.model.adapter_folder import WEIGHTS, check_adapter_files
from loralab.model.misfit import SETTINGS, refuse_misfits, shapes_of
from loralab.model.small_files import read_object
from loralab.run.files import fsync_file, writing
from loralab.run.tensor_files import write_tensors
from loralab.words import say

NAME = "default"
# Settings of PEFT that change what an adapter's weights mean, and that loralab does not train with.
UNSUPPORTED = (
    "peft_type", "rank_pattern", "alpha_pattern", "use_dora", "use_qalora", "bias", "lora_bias", "modules_to_save",
    "layer_replication", "trainable_token_indices", "target_parameters", "alora_invocation_tokens",
)  # fmt: skip


def check_targets(model: Any, targets: Sequence[str], where: str) -> None:
    """Raise UsageError unless every target names linear layers of the model that can carry an adapter."""
    linear = linear_names(model)
    unknown = [t for t in targets if t not in linear]
    if unknown:
        near = [n for t in unknown for n in difflib.get_close_matches(t, linear, n=1)]
        raise UsageError(
            Problem(
                say("lora.targets match no layer of this model: {names}", names=", ".join(unknown)),
                where,
                say("its linear layers are: {names}", names=", ".join(sorted(linear))),
                say("set lora.targets=[{names}]", names=", ".join(near or sorted(linear - {"lm_head"}))),
            )
        )
    head = model.get_output_embeddings()
    tied = bool(getattr(model.config, "tie_word_embeddings", False))
    head_names = {name.rpartition(".")[2] for name, module in model.named_modules() if module is head}
    if tied and head_names & set(targets):
        raise UsageError(
            Problem(
                say(
                    "lora.targets has {name}, which is tied to the input embeddings in this model",
                    name=head_names.pop(),
                ),
                where,
                next=say("remove it from lora.targets"),
            )
        )


def linear_names(model: Any) -> set[str]:
    """Last part of the names of all linear layers, such as q_proj."""
    import torch

    return {n.rpartition(".")[2] for n, m in model.named_modules() if isinstance(m, torch.nn.Linear)}


def add_adapter(base: Any, lora: LoraConfig, seed: int) -> Any:
    """A PeftModel around `base`: fp32 adapter, A from the seed and B zero, or both from `lora.init`.

    Dropout is 0 here: the engines drop by their own masks.
    """
    import torch
    from peft import LoraConfig as PeftConfig
    from peft import TaskType, get_peft_model

    settings = PeftConfig(
        task_type=TaskType.CAUSAL_LM, r=lora.rank, lora_alpha=lora.alpha, lora_dropout=0.0,
        target_modules=list(lora.targets), use_rslora=lora.rank_stabilised, bias="none",
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = get_peft_model(base, settings)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    if lora.init != "fresh":
        check_settings(Path(lora.init), lora)
        load_adapter(model, Path(lora.init))
    return model.eval()


def trainable(model: Any) -> dict[str, Any]:
    """The adapter's parameters by name, in a fixed order."""
    return {n: p for n, p in sorted(model.named_parameters()) if p.requires_grad}


def save_adapter(model: Any, folder: Path, dropout: float, base_name: str) -> None:
    """Write adapter_model.safetensors and adapter_config.json as PEFT does, synced to disk."""
    from peft import get_peft_model_state_dict

    tensors = {k: v.detach().cpu().contiguous() for k, v in get_peft_model_state_dict(model).items()}
    settings = model.peft_config[NAME].to_dict()
    settings |= {"lora_dropout": dropout, "base_model_name_or_path": base_name, "inference_mode": True}
    settings["target_modules"] = sorted(settings["target_modules"])
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        write_tensors(tensors, folder / WEIGHTS, metadata={"format": "pt"})
        text = json.dumps(settings, ensure_ascii=False, indent=2, sort_keys=True, default=_plain)
        (folder / SETTINGS).write_text(text + "\n", "utf-8")
        for name in (WEIGHTS, SETTINGS):
            fsync_file(folder / name)


def _plain(value: Any) -> Any:
    """PEFT's settings hold sets and enums."""
    return sorted(value) if isinstance(value, (set, frozenset)) else str(getattr(value, "value", value))


def load_adapter(model: Any, folder: Path) -> None:
    """Put the weights of a PEFT folder into the model's adapter; raises UsageError if they do not fit."""
    from peft import set_peft_model_state_dict

    tensors = read_tensors(folder)
    places = {k.replace(f".{NAME}.", "."): p for k, p in trainable(model).items()}
    refuse_misfits(shapes_of(tensors), shapes_of(places), folder)
    set_peft_model_state_dict(model, tensors, adapter_name=NAME)


def read_tensors(folder: Path) -> dict[str, Any]:
    """The weights of a PEFT folder by name; raises UsageError if they cannot be read."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(folder / WEIGHTS)
    except (OSError, SafetensorError) as error:
        raise UsageError(
            Problem(say("the adapter cannot be read: {reason}", reason=error), str(folder / WEIGHTS))
        ) from None


def read_settings(folder: Path) -> dict[str, Any]:
    """adapter_config.json of a checked PEFT folder, with PEFT's defaults for what it leaves out.

    Older versions of PEFT did not write newer keys.
    """
    from peft import LoraConfig as PeftConfig

    value = read_object(folder, SETTINGS)[0]
    return dict(PeftConfig().to_dict()) | {k: v for k, v in value.items() if v is not None}


def check_settings(folder: Path, lora: LoraConfig) -> None:
    """Raise UsageError, naming each difference, unless an adapter folder has the rank, scaling and targets of `lora`."""
    check_adapter_files(folder)
    theirs = read_settings(folder)
    _refuse_unsupported(theirs, folder)
    mine = {
        "r": lora.rank, "lora_alpha": lora.alpha, "use_rslora": lora.rank_stabilised,
        "target_modules": sorted(lora.targets),
    }  # fmt: skip
    names = {
        "r": "lora.rank",
        "lora_alpha": "lora.alpha",
        "use_rslora": "lora.rank_stabilised",
        "target_modules": "lora.targets",
    }
    problems = []
    for key, value in mine.items():
        found = theirs.get(key)
        found = sorted(map(str, found)) if isinstance(found, list) else found
        if found != value:
            what = say(
                "the adapter has {key} {found}, the config says {value}",
                key=names[key],
                found=found,
                value=value,
            )
            problems.append(Problem(what, str(folder)))
    if problems:
        raise UsageError(*problems)


def _refuse_unsupported(settings: dict[str, Any], folder: Path) -> None:
    """Raise UsageError, naming each, for settings under which the same tensors are another adapter."""
    from peft import LoraConfig as PeftConfig

    plain = PeftConfig().to_dict()
    found = {k: v for k in UNSUPPORTED if (v := settings.get(k)) and v != plain.get(k)}
    if found:
        where = str(folder / SETTINGS)
        raise UsageError(
            *(
                Problem(
                    say("the adapter has {key} {value}, loralab trains without it", key=k, value=v), where
                )
                for k, v in found.items()
            )
        )
