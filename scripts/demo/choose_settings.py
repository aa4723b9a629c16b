"""Chooses the LoRA settings on dev, or with --test scores the chosen ones once on test."""

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path
from statistics import mean
from typing import Any

import torch

from .corpus import ASSETS
from .facts import read_facts, update_facts
from .lora import EPOCHS, MAX_NEW_TOKENS, Settings, experiment, read_rows

CANDIDATES = (
    Settings(rank=8, alpha=16, learning_rate=2e-3),
    Settings(rank=8, alpha=16, learning_rate=5e-3),
    Settings(rank=16, alpha=32, learning_rate=2e-3),
    Settings(rank=16, alpha=32, learning_rate=3e-3, schedule="linear"),
    Settings(rank=16, alpha=32, learning_rate=5e-3),
    Settings(rank=32, alpha=64, learning_rate=2e-3),
)
SEEDS = (42, 43)

Runs = list[dict[str, Any]]
"""What `experiment` returned for one candidate, a seed each."""


def merit(runs: Runs) -> tuple[float, float]:
    """Returns what is maximised: whole answers right after epoch 2, then the lower loss, over the seeds."""
    return mean(run["epoch_2"]["whole_answer"] for run in runs), -mean(run["epoch_2"]["loss"] for run in runs)


def try_on_dev(folder: Path) -> None:
    """Records every candidate at every seed, and the one with the best merit as the settings."""
    dev = read_rows("dev")
    tried: list[tuple[Settings, Runs]] = []
    for settings in CANDIDATES:
        runs = [{"seed": seed} | experiment(folder, replace(settings, seed=seed), dev) for seed in SEEDS]
        tried.append((settings, runs))
        print(json.dumps(asdict(settings) | {"runs": runs}), flush=True)
    chosen = max(tried, key=lambda pair: merit(pair[1]))[0]
    update_facts("dev", [{"settings": asdict(settings), "runs": runs} for settings, runs in tried])
    update_facts("settings", asdict(chosen) | {"epochs": EPOCHS, "max_new_tokens": MAX_NEW_TOKENS})


def chosen_settings() -> Settings:
    """Returns the settings that `try_on_dev` recorded."""
    recorded = read_facts()["settings"]
    assert isinstance(recorded, dict)
    return Settings(**{name: recorded[name] for name in asdict(Settings())})


def score_on_test(folder: Path) -> None:
    """Records the chosen settings' scores on test; to be run once, after the choice."""
    result = experiment(folder, chosen_settings(), read_rows("test"))
    update_facts("test", result)
    print(json.dumps(result))


def main() -> None:
    """Tries the candidates on dev, or scores the chosen one on test."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=ASSETS / "model")
    parser.add_argument("--test", action="store_true", help="score the chosen settings on test")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    (score_on_test if options.test else try_on_dev)(options.model)


if __name__ == "__main__":
    main()
