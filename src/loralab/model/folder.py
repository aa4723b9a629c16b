"""A model folder in, a refusal out that names everything it lacks, before torch is imported."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from loralab.errors import Problem, UsageError
from loralab.model.remote_code import code_problems
from loralab.model.small_files import place_problem, read_object
from loralab.model.weights import INDEX, SINGLE, stays_inside, tensor_shapes, weight_files, weight_problems
from loralab.safe_text import quoted
from loralab.words import say

__all__ = ["Need", "check_files", "check_model_folder", "weight_files"]

Need = Literal["all", "tokenizer"]

CONFIG, TOKENIZER_CONFIG, ADAPTER = "config.json", "tokenizer_config.json", "adapter_config.json"
# Any one of these sets makes a tokenizer.
TOKENIZERS = (
    ("tokenizer.json",),
    ("vocab.json", "merges.txt"),
    ("tokenizer.model",),
    ("spiece.model",),
    ("vocab.txt",),
)
# Where a config says that its weights are quantised.
QUANTISED = ("quantization_config", "compression_config")
OPTIONAL = (
    TOKENIZER_CONFIG,
    "tokenizer.json",
    "generation_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
)
# What else transformers reads of a folder, as text.
TEXTS = (
    "vocab.json", "merges.txt", "vocab.txt", "tokenizer.model", "spiece.model", "chat_template.jinja",
    "chat_template.json", "processor_config.json",
)  # fmt: skip
TEMPLATES = "additional_chat_templates/*.jinja"
# Numbers in a config of things that transformers makes one by one, also to look at the model without weights.
LAYERS = ("num_hidden_layers", "num_layers", "n_layers", "n_layer")
COUNTS = (*LAYERS, "num_labels", "num_experts", "num_local_experts", "n_routed_experts")
MOST = 100_000


def check_model_folder(folder: Path, trust_remote_code: bool, need: Need = "all") -> None:
    """Raise UsageError with everything that is missing, broken or unsafe in a model folder.

    `need="tokenizer"` leaves out the weights. torch is imported only to look up an architecture that has no
    folder of its own in transformers.
    """
    check_files(folder, need)
    config, tokenizer = read_object(folder, CONFIG)[0], read_object(folder, TOKENIZER_CONFIG)[0]
    _raise_if_any(_detours(folder, config, tokenizer))
    _raise_if_any(_endless(folder, config, len(tensor_shapes(folder)) if need == "all" else 0))
    _raise_if_any(_quantised_problems(folder, config))
    _raise_if_any(code_problems(folder, config, tokenizer, trust_remote_code))


def check_files(folder: Path, need: Need = "all") -> None:
    """Raise UsageError with every file that is missing or broken, whatever the architecture."""
    if not folder.is_dir():
        what = (
            say("is a file, a model folder is expected") if folder.exists() else say("folder does not exist")
        )
        raise UsageError(Problem(what, str(folder)))
    _raise_if_any(_file_problems(folder, need))


def _raise_if_any(problems: Iterator[Problem]) -> None:
    if found := list(problems):
        raise UsageError(*found)


def _file_problems(folder: Path, need: Need) -> Iterator[Problem]:
    if not (folder / CONFIG).exists() and not (folder / CONFIG).is_symlink():
        yield _no_config(folder)
        return  # whatever this folder is, listing what else a model needs would not help
    for name in (CONFIG, *OPTIONAL):
        if problem := read_object(folder, name)[1]:
            yield problem
    for path in (*(folder / name for name in TEXTS), *folder.glob(TEMPLATES)):
        if what := place_problem(folder, path):
            yield Problem(what, str(path))
    yield from _tokenizer_problems(folder)
    if need == "all":
        yield from weight_problems(folder)


def _detours(folder: Path, config: dict[str, Any], tokenizer: dict[str, Any]) -> Iterator[Problem]:
    """What would make transformers load, without a word, other files than those that are checked and recorded."""
    if (folder / ADAPTER).exists() or (folder / ADAPTER).is_symlink():
        yield Problem(
            say("is an adapter beside a model: transformers would put it on the model without a word"),
            str(folder / ADAPTER),
            next=say(
                "move the adapter's files into a folder of their own, and name that as lora.init or --adapter"
            ),
        )
    named, used = config.get("transformers_weights"), SINGLE if (folder / SINGLE).is_file() else INDEX
    if named is not None and named != used:
        what = say("names other weights than {used} (transformers_weights: {named})", used=used, named=named)
        yield Problem(what, str(folder / CONFIG), next=say("remove transformers_weights from it"))
    versions = tokenizer.get("fast_tokenizer_files")
    for name in versions if isinstance(versions, list) else ():
        if not stays_inside(str(name)):
            what = say("names a tokenizer file outside of the model folder: {name}", name=name)
            yield Problem(
                what, str(folder / TOKENIZER_CONFIG), next=say("get the model again, from a source you trust")
            )


def _endless(folder: Path, config: dict[str, Any], tensors: int) -> Iterator[Problem]:
    """Numbers with which looking at the model would not come to an end; each layer has a tensor in the weights."""
    for part in (config, *(value for value in config.values() if isinstance(value, dict))):
        for key in COUNTS:
            most = tensors if tensors and key in LAYERS else MOST
            if isinstance(part.get(key), int) and part[key] > most:
                what = say("{key} is above {most}: the weights cannot hold so many", key=key, most=most)
                yield Problem(what, str(folder / CONFIG))


def _quantised_problems(folder: Path, config: dict[str, Any]) -> Iterator[Problem]:
    """Weights in fewer bits than torch's own formats; a model with text and images keeps them in `text_config`."""
    for part in (config, config.get("text_config")):
        for key in QUANTISED:
            if isinstance(part, dict) and isinstance(part.get(key), dict) and part[key]:
                yield Problem(
                    say("the model is quantised ({method})", method=_method(part[key])),
                    str(folder / CONFIG),
                    say("quantised base models are not part of this version"),
                    say("use the unquantised model"),
                )


def _method(settings: dict[str, Any]) -> str:
    """gptq, awq, fp8 ...; older configs of bitsandbytes do not say it."""
    bits = next((b for b in ("load_in_4bit", "load_in_8bit") if settings.get(b)), "quantization_config")
    return str(settings.get("quant_method") or bits)


def _no_config(folder: Path) -> Problem:
    if (folder / ADAPTER).is_file():
        base = read_object(folder, ADAPTER)[0].get("base_model_name_or_path") or "BASE"
        return Problem(
            say("is an adapter, not a model"),
            str(folder),
            next=say("model.name={base} lora.init={folder}", base=quoted(str(base)), folder=folder),
        )
    nested = sorted(p.parent.name for p in folder.glob(f"*/{CONFIG}"))
    advice = (
        say("model.name={folder}", folder=folder / nested[0])
        if nested
        else say("loralab fetch OWNER/NAME --to FOLDER")
    )
    return Problem(say("has no {name}: it is not a model folder", name=CONFIG), str(folder), next=advice)


def _tokenizer_problems(folder: Path) -> Iterator[Problem]:
    for names in TOKENIZERS:
        if any((folder / n).is_file() for n in names):
            for name in names:
                if not (folder / name).exists() and not (folder / name).is_symlink():
                    yield Problem(say("tokenizer file is missing"), str(folder / name))
            return
    if any(folder.glob("*.tiktoken")) or (folder / "tokenizer.json").is_symlink():
        return  # the first belongs to remote code, the second is reported as a broken link
    yield Problem(
        say("has no tokenizer: neither tokenizer.json, nor vocab.json and merges.txt, nor tokenizer.model"),
        str(folder),
        next=say("copy the tokenizer files of the model into the folder"),
    )
