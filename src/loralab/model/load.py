"""A model folder and settings in, the frozen base with a trainable adapter on one device out."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loralab.config.schema import Config, LoraConfig
from loralab.errors import Problem, ResourceError, UsageError
from loralab.model.adapter import add_adapter, check_settings, check_targets
from loralab.words import say


@dataclass(frozen=True)
class TunedModel:
    """A base model with an adapter: `model` is a PeftModel in eval mode, on `device`."""

    model: Any
    device: str
    dtype: str
    parameters: int
    trainable: int


def pick_device() -> str:
    """cuda, mps or cpu: the first that is there."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def pick_dtype(wanted: str, device: str) -> str:
    """The number format of the frozen weights for `model.dtype`."""
    if wanted != "auto":
        return wanted
    return "bfloat16" if device == "cuda" else "float32"


def check_architecture(folder: Path, config: Config, largest_id: int) -> None:
    """Build the model without weights and check what would fail later.

    Raises UsageError: unknown architecture, adapter targets that match no layer, a start adapter of other
    settings, token ids beyond the embedding matrix.
    """
    import torch
    from transformers import AutoModelForCausalLM

    model_config = _load_model_config(folder, config)
    with quiet(), torch.device("meta"):
        model = AutoModelForCausalLM.from_config(
            model_config, trust_remote_code=config.model.trust_remote_code
        )
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
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = (str(error).strip().splitlines() or [""])[0]
        raise UsageError(
            Problem(say("config.json cannot be used: {reason}", reason=reason), str(folder / "config.json"))
        ) from error


def load_base(folder: Path, config: Config, device: str) -> tuple[Any, str]:
    """The frozen base model in eval mode on `device`, and its dtype's name.

    Raises UsageError for weights that cannot be read, ResourceError when memory does not suffice.
    """
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM

    dtype = pick_dtype(config.model.dtype, device)
    settings = _load_model_config(folder, config)
    try:
        with quiet():
            model, report = AutoModelForCausalLM.from_pretrained(
                folder, config=settings, dtype=getattr(torch, dtype), local_files_only=True, use_safetensors=True,
                trust_remote_code=config.model.trust_remote_code, attn_implementation="sdpa", output_loading_info=True,
            )  # fmt: skip
            _refuse_missing(sorted(report["missing_keys"]), folder)
            model = model.to(device)
    except (torch.cuda.OutOfMemoryError, MemoryError) as error:
        raise ResourceError(
            Problem(
                say("the model's weights do not fit into memory"),
                str(folder),
                next=say("choose a smaller model"),
            )
        ) from error
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UsageError(
            Problem(say("the model's weights cannot be loaded: {reason}", reason=reason), str(folder))
        ) from error
    model.requires_grad_(False)
    return model.eval(), dtype


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


def load_tuned(folder: Path, config: Config, device: str) -> TunedModel:
    """The base with the adapter that `config.lora` describes, ready to train."""
    base, dtype = load_base(folder, config, device)
    parameters = sum(p.numel() for p in base.parameters())
    with quiet():
        model = add_adapter(base, config.lora, config.train.seed)
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    return TunedModel(model, device, dtype, parameters, trainable)


def lora_scaling(lora: LoraConfig) -> float:
    """What the adapter's output is multiplied with: alpha / rank, or alpha / sqrt(rank) if stabilised."""
    return float(lora.alpha / (lora.rank**0.5 if lora.rank_stabilised else lora.rank))


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
