"""config.json of a model in, the sizes that its memory depends on out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loralab.model.small_files import read_object
from loralab.words import Words, say

# Families whose layers are two norms, four attention and three MLP projections; sizes of others are not guessed.
FAMILIES = ("llama", "mistral", "qwen2", "qwen3")
SIZES = ("num_hidden_layers", "hidden_size", "num_attention_heads", "intermediate_size", "vocab_size")

OPTIONAL_SIZES = ("num_key_value_heads", "head_dim")
GREATEST = 1 << 32  # sizes of models are far below; their products are still numbers that a float holds


@dataclass(frozen=True)
class ModelShape:
    """Sizes of a decoder. `layer_extras` counts a layer's biases and norms over heads; `head_norms`: it has those."""

    layers: int
    width: int
    heads: int
    kv_heads: int
    head_dim: int
    mlp_width: int
    vocabulary: int
    tied: bool
    layer_extras: int = 0
    head_norms: bool = False

    @property
    def query_width(self) -> int:
        """Elements of a token's queries, and of what its attention gives."""
        return self.heads * self.head_dim

    @property
    def key_width(self) -> int:
        """Elements of a token's keys; its values have as many."""
        return self.kv_heads * self.head_dim

    @property
    def projections(self) -> dict[str, tuple[int, int]]:
        """Input and output width of each linear layer that can have an adapter, by the last part of its name."""
        w, q, k, m = self.width, self.query_width, self.key_width, self.mlp_width
        return {
            "q_proj": (w, q), "k_proj": (w, k), "v_proj": (w, k), "o_proj": (q, w),
            "gate_proj": (w, m), "up_proj": (w, m), "down_proj": (m, w),
        }  # fmt: skip

    @property
    def parameters(self) -> int:
        """Numbers in the weights."""
        matrices = sum(a * b for a, b in self.projections.values())
        layer = matrices + 2 * self.width + self.layer_extras
        return self.layers * layer + self.width + self.vocabulary * self.width * (1 if self.tied else 2)


def read_shape(folder: Path) -> ModelShape | Words:
    """The sizes of the model in a folder, or why they are not known."""
    settings, problem = read_object(folder, "config.json")
    if problem:
        return problem.what
    return shape_of(settings)


def shape_of(settings: Mapping[str, Any]) -> ModelShape | Words:
    """The sizes that a config.json announces, or why they are not known."""
    family = settings.get("model_type")
    if family not in FAMILIES:
        return say(
            "memory is planned for {known}, not for {family}", known=", ".join(FAMILIES), family=family
        )
    missing = [key for key in SIZES if not _is_size(settings.get(key))]
    missing += [key for key in OPTIONAL_SIZES if settings.get(key) and not _is_size(settings[key])]
    if missing:
        return say("config.json has no usable {names}", names=", ".join(missing))
    layers, width, heads, mlp, vocabulary = (int(settings[key]) for key in SIZES)
    kv_heads = int(settings.get("num_key_value_heads") or heads)
    head_dim = int(settings.get("head_dim") or (128 if family == "qwen3" else width // heads))
    extras = _extras(family, settings, width, mlp, heads * head_dim, kv_heads * head_dim, head_dim)
    tied = bool(settings.get("tie_word_embeddings", False))
    return ModelShape(
        layers, width, heads, kv_heads, head_dim, mlp, vocabulary, tied, extras, family == "qwen3"
    )


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and 0 < value < GREATEST


def _extras(
    family: str, settings: Mapping[str, Any], width: int, mlp: int, query: int, key: int, head: int
) -> int:
    """Biases and head norms of a layer: Qwen2 always has the first three biases, Qwen3 the norms."""
    biased = bool(settings.get("attention_bias"))
    extras = query + 2 * key if family == "qwen2" or biased else 0
    extras += width if biased and family != "qwen2" else 0
    extras += 2 * mlp + width if settings.get("mlp_bias") else 0
    return extras + (2 * head if family == "qwen3" else 0)
