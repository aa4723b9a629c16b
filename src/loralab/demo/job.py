"""Nothing in, the demo's config and its recorded facts out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from loralab.config import Config, load_config

ASSETS = Path(__file__).parent / "assets"
# A pretrained model of usual size needs a usual learning rate; the tiny one needs a far larger one.
REAL_MODEL = ("train.learning_rate=2e-4", "model.source=auto", "model.dtype=auto")


def demo_config(model: str | None = None, overrides: Sequence[str] = ()) -> Config:
    """The settings of the demo, on the tiny model that ships with loralab or on `model`."""
    words = [*REAL_MODEL, f"model.name={model}"] if model else []
    return load_config(ASSETS / "demo.yaml", [*words, *overrides])


@cache
def facts() -> dict[str, Any]:
    """What is recorded about the demo: floors, naive Bayes, what it proves; `seeds` if they were measured."""
    found: dict[str, Any] = json.loads((ASSETS / "facts.json").read_text("utf-8"))
    seeds = ASSETS / "seeds.json"
    if seeds.is_file():
        found["seeds"] = json.loads(seeds.read_text("utf-8"))
    return found
