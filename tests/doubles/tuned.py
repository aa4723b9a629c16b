"""An adapter whose B is not zero, so that everything that goes through it counts."""

from __future__ import annotations

from typing import Any

PAD = 256


def fill_b(model: Any) -> None:
    """Give every B of a tuned model the same seeded numbers."""
    import torch

    from loralab.model.adapter import trainable

    generator = torch.Generator().manual_seed(5)
    for name, parameter in trainable(model).items():
        if "lora_B" in name:
            parameter.data = 0.1 * torch.randn(parameter.shape, generator=generator)
