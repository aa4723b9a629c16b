"""A model folder and settings in, the frozen base with a trainable adapter out, on one device unless they say otherwise."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loralab.config.schema import Config
from loralab.errors import Problem, ResourceError, UsageError, UserError
from loralab.model.adapter import add_adapter, check_settings, check_targets
from loralab.model.memory import is_out_of_memory
from loralab.model.nf4 import nf4_settings, refuse_nf4
from loralab.model.placement import asked_of_accelerate, check_parts, refuse_placement, settle
from loralab.model.shard import Sharded, Sharing, Whole, shard_base
from loralab.model.weights import Shape, tensor_shapes
from loralab.safe_text import first_line
from loralab.words import say


@dataclass(frozen=True)
class TunedModel:
    """A base model with an adapter: `model` is a PeftModel in eval mode, on `device`.

    With `model.device_map` it may lie on several of that kind; inputs go to the one of its embeddings. `shard`: how the
    frozen weights lie, whole in this process or split over those of a run.
    """

    model: Any
    device: str
    dtype: str
    parameters: int
    trainable: int
    shard: Whole | Sharded = field(default_factory=Whole)


def pick_device() -> str:
    """cuda, mps or cpu: the first that is there."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def pick_dtype(wanted: str, device: str) -> str:
    """The number format of the frozen weights for `model.dtype`; of those that are not in 4 bits, for nf4."""
    if wanted not in ("auto", "nf4"):
        return wanted
    return "bfloat16" if device == "cuda" else "float32"


def check_architecture(folder: Path, config: Config, largest_id: int) -> None:
    """Build the model without weights and check what would fail later.

    Raises UsageError: an architecture that is unknown or no causal language model, weights of other shapes,
    adapter targets that match no layer, a start adapter of other settings, token ids beyond the embedding matrix,
    a `model.device_map` that does not fit the model.
    """
    model = _without_weights(folder, config)
    _check_shapes(model, folder)
    if isinstance(config.model.device_map, dict):
        check_parts(model, config.model.device_map, str(folder))
    check_targets(model, config.lora.targets, str(folder))
    if config.lora.init != "fresh":
        check_settings(Path(config.lora.init), config.lora)
    rows = model.get_input_embeddings().weight.shape[0]
    if largest_id >= rows:
        raise UsageError(
            Problem(
                say("the data use token {token}, but the embedding matrix (vocab_size) has {rows} rows",
                    token=largest_id, rows=rows),
                str(folder),
                say("the tokenizer and the weights do not belong together"),
                say("download the model again, or resize its embeddings"),
            )
        )  # fmt: skip


def _without_weights(folder: Path, config: Config) -> Any:
    """The model on the meta device: names and shapes, no numbers."""
    import torch
    from transformers import AutoModelForCausalLM

    settings = _load_model_config(folder, config)
    try:
        with quiet(), torch.device("meta"):
            return AutoModelForCausalLM.from_config(
                settings,
                trust_remote_code=config.model.trust_remote_code,
                attn_implementation="sdpa",  # as in `load_base`; what config.json asks for may be a download
            )
    except Exception as error:  # seam: each architecture refuses bad settings by an error class of its own
        raise _unusable_config(error, folder) from error


def _check_shapes(model: Any, folder: Path) -> None:
    """Raise UsageError if tensors of the weight files have other shapes than in a model without weights.

    Only names that both have, and that transformers does not rename or convert while it loads, are compared;
    `load_base` sees the others.
    """
    from transformers.conversion_mapping import get_model_conversion_mapping

    found = tensor_shapes(folder)
    changes = get_model_conversion_mapping(model)
    misfits = [
        (name, found[name], tuple(tensor.shape))
        for name, tensor in model.state_dict().items()
        if name in found
        and found[name] != tuple(tensor.shape)
        and all(change.rename_source_key(name)[1] is None for change in changes)
    ]
    _refuse_misfits(misfits, folder)


def _refuse_misfits(misfits: list[tuple[str, Shape, Shape]], folder: Path) -> None:
    """Raise UsageError for tensors (name, shape in the file, shape in the model) that do not fit."""
    if misfits:
        name, found, expected = misfits[0]
        raise UsageError(
            Problem(
                say("{name} is {found} in the weight files, config.json asks for {expected} (tensors that do not fit: {n})",
                    n=len(misfits), name=name, found=list(found), expected=list(expected)),
                str(folder),
                say("config.json and the weights do not belong together"),
                say("download the model again"),
            )
        )  # fmt: skip


def _load_model_config(folder: Path, config: Config) -> Any:
    """The model's config with all dropout of its own off.

    That dropout would draw from a global generator; a step would then depend on more than its rows and seed.
    """
    from transformers import AutoConfig

    try:
        with quiet():
            settings = AutoConfig.from_pretrained(
                folder, local_files_only=True, trust_remote_code=config.model.trust_remote_code
            )
        for name, value in settings.to_dict().items():
            if isinstance(value, float) and name.endswith(("dropout", "pdrop", "layerdrop", "dropout_prob")):
                setattr(settings, name, 0.0)
        return settings
    except Exception as error:  # seam: transformers checks each field by error classes of huggingface_hub
        raise _unusable_config(error, folder) from error


def _unusable_config(error: Exception, folder: Path) -> UsageError:
    reason = first_line(error)
    return UsageError(
        Problem(say("config.json cannot be used: {reason}", reason=reason), str(folder / "config.json"))
    )


def load_base(folder: Path, config: Config, device: str, on: str | None = None) -> tuple[Any, str]:
    """The frozen base model in eval mode on `device`, or where `model.device_map` lays it, and its dtype's name.

    `on`: where it is to lie for now, in the number format that it has on `device`.

    Raises UsageError for weights that cannot be read or do not fit, and for a number format or a placement that cannot
    be had; ResourceError when memory does not suffice.
    """
    import torch
    from transformers import AutoModelForCausalLM

    refuse_nf4(config, device)
    refuse_placement(config.model, device)
    dtype = pick_dtype(config.model.dtype, device)
    held = _held(config, dtype, device)
    settings = _load_model_config(folder, config)
    try:
        with quiet():
            model, report = AutoModelForCausalLM.from_pretrained(
                folder, config=settings, dtype=getattr(torch, dtype), local_files_only=True, use_safetensors=True,
                trust_remote_code=config.model.trust_remote_code, attn_implementation="sdpa", output_loading_info=True,
                ignore_mismatched_sizes=True,  # reported, and refused below with names and shapes
                **held,
            )  # fmt: skip
            _refuse_wrong(report, folder)
            model = model if held else model.to(on or device)
            if config.model.device_map:
                settle(model, folder)
    except UserError:
        raise
    except Exception as error:  # seam: architecture, safetensors and torch fail by classes of their own
        raise _load_error(error, folder) from error
    model.requires_grad_(False)
    return model.eval(), dtype


def _held(config: Config, dtype: str, device: str) -> dict[str, Any]:
    """What `from_pretrained` is told of where weights lie and in which form; nothing for a base that is moved afterwards."""
    held: dict[str, Any] = (
        {"device_map": asked_of_accelerate(config.model)} if config.model.device_map else {}
    )
    if config.model.dtype == "nf4":  # its numbers are made while the files are read, on the device
        held = {"device_map": {"": device}, **held, "quantization_config": nf4_settings(dtype)}
    return held


def _load_error(error: Exception, folder: Path) -> UserError:
    """What a failed load means: memory ran out, or the files cannot be used."""
    if is_out_of_memory(error):
        what = say("the model's weights do not fit into memory")
        return ResourceError(Problem(what, str(folder), next=say("choose a smaller model")))
    reason = first_line(error)
    return UsageError(
        Problem(say("the model's weights cannot be loaded: {reason}", reason=reason), str(folder))
    )


def _refuse_wrong(report: Mapping[str, Any], folder: Path) -> None:
    """Raise UsageError for tensors that the files lack or hold in another shape, by transformers' report."""
    _refuse_missing(sorted(report["missing_keys"]), folder)
    _refuse_misfits(sorted((n, tuple(a), tuple(b)) for n, a, b in report["mismatched_keys"]), folder)


def _refuse_missing(names: list[str], folder: Path) -> None:
    """Raise UsageError for weights that the files lack: transformers fills them with random numbers."""
    if names:
        raise UsageError(
            Problem(
                say(
                    "the weight files lack {n} tensors of this model, first {name}",
                    n=len(names),
                    name=names[0],
                ),
                str(folder),
                say("config.json and the weights do not belong together"),
                say("download the model again"),
            )
        )


def load_tuned(folder: Path, config: Config, device: str, sharing: Sharing | None = None) -> TunedModel:
    """The base with the adapter that `config.lora` describes, ready to train.

    Of a base that the processes of a run share, only this one's part comes onto its device.
    """
    base, dtype = load_base(folder, config, device, "cpu" if sharing else device)
    parameters = int(base.num_parameters())  # two numbers in 4 bits lie in one element
    shard = _share_out(base, sharing, device, folder) if sharing else Whole()
    with quiet():
        model = add_adapter(base, config.lora, config.train.seed)
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    return TunedModel(model, device, dtype, parameters, trainable, shard)


def _share_out(base: Any, sharing: Sharing, device: str, folder: Path) -> Sharded:
    """Raises UsageError for a model that cannot be split, ResourceError when memory does not suffice."""
    try:
        return shard_base(base, sharing, device)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        raise _load_error(error, folder) from error


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers' progress bars and advice off the terminal while it loads; errors still raise.

    The FutureWarning is about a name that peft still asks transformers for; a user can do nothing about it.
    """
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
            yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
