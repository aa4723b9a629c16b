"""A PEFT model and a config in, the reason why the fast engine cannot train it out, or None.

Everything the engine takes for granted about a model is checked here; what is not known is not guessed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from loralab.config.schema import Config
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
    base = model.get_base_model()
    name = type(base).__name__
    if name not in FAMILIES or not type(base).__module__.startswith("transformers.models."):
        return say("the fast engine does not know the architecture {name}", name=name)
    return next(_reasons(model, base, config), None)


def _reasons(model: Any, base: Any, config: Config) -> Iterator[Words]:
    window, longest = getattr(base.config, "sliding_window", None), config.data.max_tokens
    if window and window < longest:
        yield say(
            "the model looks back {window} tokens, rows may have {tokens}", window=window, tokens=longest
        )
    found = [*_settings(base), *_adapter_settings(model), *_layers(base)]
    yield from (say("the fast engine does not compute {setting}", setting=text) for text in found)
    mine = {id(p) for p in _adapter_parameters(base)}
    strange = [n for n, p in trainable(model).items() if id(p) not in mine]
    yield from (say("the fast engine does not train {name}", name=n) for n in strange)


def _settings(base: Any) -> Iterator[str]:
    """Settings of the base model that are not those of the mathematics written here."""
    settings, rope = base.config, base.config.rope_parameters or {}
    quantised = getattr(settings, "quantization_config", None)
    found = (
        ("device", base.device.type, base.device.type in DEVICES),
        ("hidden_act", settings.hidden_act, settings.hidden_act == "silu"),
        ("attention_dropout", settings.attention_dropout, not settings.attention_dropout),
        ("rope_type", rope.get("rope_type"), rope.get("rope_type") in ROPE_TYPES),
        ("quantization_config", quantised, quantised is None),
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
