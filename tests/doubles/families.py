"""Random models of the families that the fast engine knows, made in memory."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

from loralab.model.load import quiet

SIZES = {
    "vocab_size": 300, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 512,
}  # fmt: skip
ROPE = {"rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 16}
FAMILIES: dict[str, dict[str, Any]] = {
    "qwen2": {"model_type": "qwen2", "tie_word_embeddings": True},
    "qwen2-one-layer": {"model_type": "qwen2", "num_hidden_layers": 1, "num_key_value_heads": 1},
    "qwen3": {"model_type": "qwen3", "head_dim": 16, "num_hidden_layers": 3, "rms_norm_eps": 1e-3},
    "llama": {"model_type": "llama", "num_key_value_heads": 4},
    "smollm2": {"model_type": "llama", "tie_word_embeddings": True, "head_dim": 16, "num_key_value_heads": 1},
    "llama-biases": {"model_type": "llama", "attention_bias": True, "mlp_bias": True},
    "llama-3": {
        "model_type": "llama",
        "rope_parameters": {**ROPE, "rope_type": "llama3", "low_freq_factor": 1.0, "high_freq_factor": 4.0},
    },
    "llama-linear": {"model_type": "llama", "rope_parameters": {**ROPE, "rope_type": "linear"}},
    "qwen2-yarn": {"model_type": "qwen2", "rope_parameters": {**ROPE, "rope_type": "yarn"}},
    "mistral": {"model_type": "mistral", "sliding_window": None},
    "mistral-window": {"model_type": "mistral", "sliding_window": 400},
}


def make_base(family: str, dtype: str = "float32", **other: Any) -> Any:
    """All weights random, norms and biases too, and large enough that every part counts; `other` settings go first.

    A copy of one that is made once: a test may do to it what it likes.
    """
    return copy.deepcopy(_made(family, dtype, **other))


@cache
def _made(family: str, dtype: str, **other: Any) -> Any:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    own = FAMILIES[family]
    settings = AutoConfig.for_model(**{**SIZES, **own, **other})
    with torch.random.fork_rng(), quiet():
        torch.manual_seed(4)
        base = AutoModelForCausalLM.from_config(settings, attn_implementation="sdpa")
        for parameter in base.parameters():
            parameter.data = torch.randn(parameter.shape) * 0.15
            parameter.data += parameter.dim() == 1  # norms are about 1
    return base.requires_grad_(False).to(getattr(torch, dtype)).eval()
