"""A model's config in, a refusal out if loading it would run code from its folder that was not asked for."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from loralab.errors import Problem
from loralab.words import say

MODEL_KEYS = ("AutoModelForCausalLM", "AutoConfig")


def code_problems(
    folder: Path, config: dict[str, Any], tokenizer: dict[str, Any], trust_remote_code: bool
) -> Iterator[Problem]:
    """Architectures and tokenizers that transformers does not know, and code files that are not there.

    A known architecture with `auto_map` loads as transformers' own code, so it is not refused.
    """
    model_type = str(config.get("model_type") or "")
    model_code, tokenizer_code = _auto_map(config), _auto_map(tokenizer)
    if trust_remote_code:
        for name in sorted(_code_files(model_code) | _code_files(tokenizer_code)):
            if not (folder / name).is_file():
                yield Problem(say("is missing, the model's config names it"), str(folder / name))
    elif not _knows_model(model_type):
        yield _unknown_model(folder, model_type, any(k in model_code for k in MODEL_KEYS))
    elif "AutoTokenizer" in tokenizer_code and not _knows_tokenizer(model_type, tokenizer):
        what = say("the tokenizer is defined by Python code in the model folder")
        yield _refused(folder / "tokenizer_config.json", what)


def _auto_map(value: dict[str, Any]) -> dict[str, Any]:
    found = value.get("auto_map")
    return found if isinstance(found, dict) else {}


def _code_files(auto_map: dict[str, Any]) -> set[str]:
    """`modeling_x.py` of `modeling_x.Class`; `owner/name--modeling_x.Class` lies in another repository."""
    references = [
        r for v in auto_map.values() for r in (v if isinstance(v, list) else [v]) if isinstance(r, str)
    ]
    return {f"{r.rpartition('.')[0]}.py" for r in references if "--" not in r and "." in r}


def _unknown_model(folder: Path, model_type: str, has_code: bool) -> Problem:
    config = folder / "config.json"
    if has_code:
        return _refused(
            config,
            say("the architecture {type} is defined by Python code in the model folder", type=model_type),
        )
    if not model_type:
        return Problem(say("has no model_type: it is not the config of a transformers model"), str(config))
    return Problem(
        say("the installed transformers does not know the architecture {type}", type=model_type),
        str(config),
        next=say("pip install -U transformers"),
    )


def _refused(path: Path, what: Any) -> Problem:
    return Problem(
        what,
        str(path),
        say("loralab runs code that comes with a model only when the config says so"),
        say(
            "read the *.py files, then set model.trust_remote_code=true; or choose a model without such files"
        ),
    )


def _knows_model(model_type: str) -> bool:
    """Whether transformers has the architecture. Its list imports torch, so its folders are asked first."""
    package = importlib.util.find_spec("transformers")
    assert package is not None and package.submodule_search_locations
    roots = [Path(root) / "models" for root in package.submodule_search_locations]
    if not model_type or (model_type.isidentifier() and any((r / model_type).is_dir() for r in roots)):
        return bool(model_type)
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    return model_type in CONFIG_MAPPING_NAMES


def _knows_tokenizer(model_type: str, tokenizer: dict[str, Any]) -> bool:
    from transformers.models.auto.tokenization_auto import TOKENIZER_MAPPING_NAMES, tokenizer_class_from_name

    name = tokenizer.get("tokenizer_class")
    return model_type in TOKENIZER_MAPPING_NAMES or bool(name and tokenizer_class_from_name(str(name)))
