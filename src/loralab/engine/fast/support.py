"""A PEFT model and a config in, the reason why the fast engine cannot train it out, or None.

Everything the engine takes for granted about a model is checked here; what is not known is not guessed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from loralab.config.schema import Config
from loralab.engine.fast.decoder import base_of
from loralab.model.adapter import UNSUPPORTED, trainable
from loralab.words import Words, say

FAMILIES = ("LlamaForCausalLM", "MistralForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM")
DEVICES = ("cpu", "cuda")
# Angles that depend on the position alone; the others change with the length of what has been seen.
ROPE_TYPES = ("default", "linear", "llama3", "yarn")
LINEARS = (
    "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
    "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj",
)  # fmt: skip


def unsupported(model: Any, config: Config) -> Words | None:
    """Why the fast engine cannot train the PeftModel with rows of `config`: the first reason found."""
    return unreadable(model, config.data.max_tokens) or next(_untrained(model), None)


def unreadable(model: Any, longest_tokens: int) -> Words | None:
    """Why a model, with an adapter or bare, cannot be computed here up to so many tokens: the first reason found."""
    base = base_of(model)
    name = type(base).__name__
    if name not in FAMILIES or not type(base).__module__.startswith("transformers.models."):
        return say("the fast engine does not know the architecture {name}", name=name)
    return next(_reasons(model, base, longest_tokens), None)


def unsupported_type(model_type: str, device: str) -> Words | None:
    """What config.json and the machine alone tell: what `unsupported` would say of any model of this type."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    name = MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.get(model_type, model_type)
    if name not in FAMILIES:
        return say("the fast engine does not know the architecture {name}", name=name)
    if device not in DEVICES:
        return say("the fast engine does not compute {setting}", setting=f"device {device}")
    return None


def _reasons(model: Any, base: Any, longest: int) -> Iterator[Words]:
    window = getattr(base.config, "sliding_window", None)
    if window and window < longest:
        yield say(
            "the model looks back {window} tokens, rows may have {tokens}", window=window, tokens=longest
        )
    adapter = _adapter_settings(model) if model is not base else ()
    found = [*_settings(base), *adapter, *_layers(base)]
    yield from (say("the fast engine does not compute {setting}", setting=text) for text in found)


def _untrained(model: Any) -> Iterator[Words]:
    """Parameters of the adapter that are none of A and B."""
    mine = {id(p) for p in _adapter_parameters(base_of(model))}
    strange = [n for n, p in trainable(model).items() if id(p) not in mine]
    yield from (say("the fast engine does not train {name}", name=n) for n in strange)


def _settings(base: Any) -> Iterator[str]:
    """Settings of the base model that are not those of the mathematics written here."""
    settings, rope = base.config, base.config.rope_parameters or {}
    quantised = getattr(settings, "quantization_config", None)
    method = getattr(quantised, "quant_method", quantised)
    found = (
        ("device", base.device.type, base.device.type in DEVICES),
        ("hidden_act", settings.hidden_act, settings.hidden_act == "silu"),
        ("attention_dropout", settings.attention_dropout, not settings.attention_dropout),
        ("rope_type", rope.get("rope_type"), rope.get("rope_type") in ROPE_TYPES),
        ("quantization_config", getattr(method, "value", method), quantised is None),
    )
    yield from (f"{key} {value}" for key, value, fine in found if not fine)


def _adapter_settings(model: Any) -> Iterator[str]:
    """Settings of PEFT under which the same tensors are another adapter."""
    from peft import LoraConfig

    if len(model.active_adapters) != 1:
        yield f"active_adapters {', '.join(model.active_adapters)}"
        return
    settings, plain = model.peft_config[model.active_adapters[0]].to_dict(), LoraConfig().to_dict()
    for key in UNSUPPORTED:
        value = settings.get(key)
        if value and value != plain.get(key):
            yield f"{key} {getattr(value, 'value', value)}"


def _layers(base: Any) -> Iterator[str]:
    """Linear layers of another kind: quantised, merged, or with another adapter."""
    import torch

    for name, module in _linears(base):
        inner = getattr(module, "base_layer", module)
        if type(inner) is not torch.nn.Linear:
            yield f"{name} {type(inner).__name__}"
        elif inner is not module and not _is_plain_lora(module):
            yield f"{name} {type(module).__module__}.{type(module).__name__}"


def _is_plain_lora(module: Any) -> bool:
    """Whether a layer adds B A x of one adapter to its output, and nothing else."""
    from peft.tuners.lora import Linear

    return (
        type(module) is Linear
        and len(module.active_adapters) == 1
        and not (module.merged or module.disable_adapters or module.lora_variant)
    )


def _adapter_parameters(base: Any) -> Iterator[Any]:
    for _, module in _linears(base):
        for adapter in getattr(module, "active_adapters", ()):
            yield from (part[adapter].weight for part in (module.lora_A, module.lora_B) if adapter in part)


def _linears(base: Any) -> Iterator[tuple[str, Any]]:
    for index, layer in enumerate(base.model.layers):
        yield from ((f"layers.{index}.{name}", layer.get_submodule(name)) for name in LINEARS)
