"""A PEFT model of a known family in, its weights and adapter by their place in the mathematics out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from loralab.engine.fast.attention_block import AttentionBlock
from loralab.engine.fast.frozen import Frozen, Packing, freeze
from loralab.engine.fast.lora import Linear
from loralab.engine.fast.mlp_block import MlpBlock
from loralab.engine.fast.norm import Norm


@dataclass(frozen=True)
class Layer:
    """One decoder layer."""

    attention: AttentionBlock
    mlp: MlpBlock

    @property
    def linears(self) -> tuple[Linear, ...]:
        """Its seven linear layers."""
        return (*self.attention.qkv, self.attention.out, *self.mlp.gate_up, self.mlp.down)


@dataclass(frozen=True)
class Decoder:
    """A whole model: tensors are the model's own, not copies (packed weights apart)."""

    embedding: Any
    layers: tuple[Layer, ...]
    norm: Norm
    head: Frozen
    rotary: Any


def read_decoder(model: Any, packing: Packing = "off") -> Decoder:
    """The parts of a model, with an adapter or bare, that `unreadable` finds nothing against."""
    base = base_of(model)
    body = base.model
    layers = tuple(_layer(m, f"model.layers.{i}", packing) for i, m in enumerate(body.layers))
    # the head is the largest matrix, and is multiplied with label rows alone
    once: Packing = "forward" if packing == "both" else packing
    head = freeze(base.lm_head.weight, base.lm_head.bias, once)
    return Decoder(body.embed_tokens.weight.detach(), layers, _norm(body.norm), head, body.rotary_emb)


def base_of(model: Any) -> Any:
    """The model inside a PeftModel; a bare one is its own."""
    from peft import PeftModel

    return model.get_base_model() if isinstance(model, PeftModel) else model


def _layer(module: Any, name: str, packing: Packing) -> Layer:
    def linear(part: str) -> Linear:
        return _linear(module.get_submodule(part), f"{name}.{part}", packing)

    attention = module.self_attn
    return Layer(
        AttentionBlock(
            _norm(module.input_layernorm),
            (linear("self_attn.q_proj"), linear("self_attn.k_proj"), linear("self_attn.v_proj")),
            linear("self_attn.o_proj"),
            attention.head_dim,
            _norm(getattr(attention, "q_norm", None)),
            _norm(getattr(attention, "k_norm", None)),
        ),
        MlpBlock(
            _norm(module.post_attention_layernorm),
            (linear("mlp.gate_proj"), linear("mlp.up_proj")),
            linear("mlp.down_proj"),
        ),
    )  # fmt: skip


def _linear(module: Any, name: str, packing: Packing) -> Linear:
    """With the adapter that is active in it, if it has one."""
    from peft.tuners.lora import LoraLayer

    if not isinstance(module, LoraLayer):
        return Linear(name, freeze(module.weight, module.bias, packing))
    (adapter,) = module.active_adapters
    frozen = freeze(module.base_layer.weight, module.base_layer.bias, packing)
    a, b = module.lora_A[adapter].weight, module.lora_B[adapter].weight
    return Linear(name, frozen, a, b, float(module.scaling[adapter]))


def _norm(module: Any) -> Any:
    return None if module is None else Norm(module.weight.detach(), module.variance_epsilon)
