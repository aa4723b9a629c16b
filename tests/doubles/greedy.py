"""Hugging Face's own greedy answers, prompt by prompt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from doubles.tuned import PAD

NEVER = 1_000_000  # without any stop token, those of the model's own config would stop


def reference(model: Any, prompt: Sequence[int], stop: Sequence[int] = (), limit: int = 12) -> list[int]:
    """Hugging Face's answer to one prompt, without the stop token."""
    import torch
    from transformers import GenerationConfig

    settings = GenerationConfig(
        do_sample=False, max_new_tokens=limit, eos_token_id=list(stop) or NEVER, pad_token_id=PAD
    )
    ids = torch.tensor([list(prompt)])
    whole = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), generation_config=settings)[0]
    new = [int(i) for i in whole[len(prompt) :]]
    return new[:-1] if new[-1] in stop else new
