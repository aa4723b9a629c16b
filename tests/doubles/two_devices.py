"""The tiny model laid on a CPU under two names, which accelerate takes for two devices: its hooks are there, no GPU is."""

from __future__ import annotations

import pytest

SPLIT = {
    "model.embed_tokens": "cpu:0", "lm_head": "cpu:0",  # tied
    "model.layers.0": "cpu:0", "model.layers.1": "cpu:1", "model.norm": "cpu:1",
}  # fmt: skip


def take_names_for_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights lie where they belong once transformers has loaded them; a tensor on a CPU forgets the number of its device,
    and accelerate would copy it there again.
    """
    from accelerate import hooks

    monkeypatch.setattr(hooks, "set_module_tensor_to_device", lambda *_, **__: None)
