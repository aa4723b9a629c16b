"""A folder and model folders in, a study of each of them at two learning rates out: few short rows, no trackers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from doubles.tiny_model import write_tiny_model

NAME = "sizes"
BATCH_ROWS = 2
HELD_OUT_ROWS = 3  # two to test, one probe
WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def write_models(folder: Path) -> list[Path]:
    """Two random models of different shapes."""
    return [write_tiny_model(folder / f"tiny-{layers}", layers=layers, seed=layers) for layers in (2, 3)]


def write_study(folder: Path, models: Sequence[Path], steps: int, save_every: int, more: str = "") -> Path:
    """sizes.yaml, its base and its rows in a folder; cells make so many steps of two rows, with dropout."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        {"input": f"{i}. {WORDS[i % 10]} and {WORDS[i * 7 % 10]}?", "output": f"{WORDS[(i * 8) % 10]}, {i}"}
        for i in range(BATCH_ROWS * steps + HELD_OUT_ROWS)
    ]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    (folder / "base.yaml").write_text(
        f"model: {{name: {json.dumps(str(models[0]))}}}\n"
        "data: {train: rows.jsonl, test: 2, probes: 1, max_tokens: 96}\n"
        "lora: {rank: 4, dropout: 0.1}\n"
        f"train: {{epochs: 1, batch_rows: {BATCH_ROWS}, accumulate: 1, save_every_steps: {save_every}, log_every_steps: 1}}\n"
        "evaluate: {answers: 2, max_new_tokens: 6, batch_rows: 2, general: false}\n"
        "track: {swanlab: off}\n",
        "utf-8",
    )
    path = folder / f"{NAME}.yaml"
    path.write_text(
        "base: base.yaml\n"
        f"axes:\n  model.name: {json.dumps([str(model) for model in models])}\n  train.learning_rate: [1e-3, 1e-2]\n"
        f"metric: heldout/rouge_l\n{more}",
        "utf-8",
    )
    return path
