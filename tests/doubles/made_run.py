"""A hand-made run folder: what a run writes, with numbers that are easy to recognise."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from loralab.config.render import to_dict
from loralab.config.schema import Config
from loralab.run.files import dump_json, write_json, write_json_lines, write_text
from loralab.run.view import Run, open_run

STAGES = ("before", "epoch-1", "epoch-2", "after")
START = datetime(2026, 11, 25, 3, 1, 2, tzinfo=UTC)

ENDINGS: dict[str, dict[str, Any]] = {
    "finished": {"kind": "run_finished", "reason": "done", "seconds": 1746.0},
    "failed": {"kind": "run_failed", "error": "the loss is not finite", "where": "train.jsonl:17"},
    "interrupted": {"kind": "run_interrupted", "signal": "SIGINT", "step": 20},
}


@dataclass
class Recipe:
    """What the made run is to hold; every field can be changed before `write`."""

    num_steps: int = 40
    stages: Sequence[str] = STAGES
    ending: str = "finished"
    lost: Sequence[int] = ()  # steps whose loss is NaN
    predictions: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    scores: dict[str, Any] = field(default_factory=dict)
    manifest: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    extra_events: list[dict[str, Any]] = field(default_factory=list)

    def write(self, folder: Path) -> Run:
        """The run folder on disk, opened."""
        self.write_files(folder)
        return open_run(folder)

    def write_files(self, folder: Path) -> None:
        """The run folder on disk."""
        write_json(folder / "manifest.json", self.manifest or make_manifest(folder.name))
        write_text(folder / "config.yaml", yaml.safe_dump(self.config or make_config(), allow_unicode=True))
        write_json(folder / "data" / "report.json", make_data_report())
        for stage in self.stages:
            rows = self.predictions.get(stage) or make_predictions(stage)
            write_json_lines(folder / "predictions" / f"{stage}.jsonl", rows)
            write_json(folder / "scores" / f"{stage}.json", self.scores.get(stage) or make_scores(stage))
        lines = [dump_json(event) for event in number_events(self.events())]
        write_text(folder / "events.jsonl", "".join(line + "\n" for line in lines))

    def events(self) -> Iterator[dict[str, Any]]:
        """All events in order, not yet numbered."""
        yield {"kind": "run_started"}
        yield {
            "kind": "data_ready",
            "train_rows": 640,
            "test_rows": 33,
            "dropped": 3,
            "cut": 7,
            "tokens": 123456,
        }
        yield {"kind": "plan", "steps": self.num_steps, "peak_bytes_estimate": 1, "seconds_estimate": 1.0}
        yield {
            "kind": "model_ready", "parameters": 494_032_768, "trainable": 35_192_832, "dtype": "bfloat16",
            "device": "cuda:0", "engine": "plain", "engine_reason": "asked for",
        }  # fmt: skip
        half = max(1, self.num_steps // 2)
        yield {"kind": "held_out", "step": 0, "epoch": 0, "loss": 2.75, "tokens": 4321}
        for step in range(1, self.num_steps + 1):
            yield make_step(step, self.num_steps, lost=step in self.lost)
            if step in (half, self.num_steps):
                yield {
                    "kind": "held_out",
                    "step": step,
                    "epoch": step // half,
                    "loss": 2.0 - step / 1e4,
                    "tokens": 4321,
                }
                path = f"checkpoints/step-{step:06d}"
                yield {"kind": "checkpoint", "step": step, "path": path, "bytes": 73_400_320}
        yield from self.extra_events
        yield from [ENDINGS[self.ending]] if self.ending in ENDINGS else []


def make_step(step: int, num_steps: int, *, lost: bool = False) -> dict[str, Any]:
    """One step event: a loss that falls, a learning rate that goes to 0."""
    wave = math.sin(step * 12.9898) * 0.2
    return {
        "kind": "step", "step": step, "epoch": 1 if step <= num_steps // 2 else 2,
        "loss": math.nan if lost else 1.2 + 1.5 * math.exp(-6 * step / num_steps) + wave,
        "grad_norm": 0.8 + wave + step / num_steps, "learning_rate": 1e-4 * (1 - (step - 1) / num_steps),
        "tokens": 4000 + step % 97, "label_tokens": 2500, "rows": 16, "seconds": 2.5 + wave / 4,
        "peak_bytes": 21_474_836_480,
    }  # fmt: skip


def number_events(events: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Events with seq and time, a second apart."""
    for seq, event in enumerate(events):
        time = START + timedelta(seconds=seq)
        yield {"seq": seq, "time": time.isoformat(timespec="milliseconds").replace("+00:00", "Z"), **event}


def make_predictions(stage: str, num_probes: int = 2, num_test: int = 3) -> list[dict[str, Any]]:
    """Answers that name their stage; `after` says what epoch-2 said."""
    said = "epoch-2" if stage == "after" else stage
    return [
        make_prediction("probe" if i < num_probes else "test", i, f"answer {i} of {said}")
        for i in range(num_probes + num_test)
    ]


def make_prediction(subset: str, index: int, answer: str, **fields: Any) -> dict[str, Any]:
    """One predictions row."""
    return {
        "id": f"{index:016x}", "set": subset, "seen": False, "question": f"question {index}?",
        "reference": f"reference {index}", "answer": answer, "prompt_tokens": 31, "answer_tokens": 57,
        "finish_reason": "stop", "seconds": 1.25, **fields,
    }  # fmt: skip


def make_scores(stage: str) -> dict[str, Any]:
    """Scores that differ between the stages."""
    shift = STAGES.index(stage) / 7 if stage in STAGES else 0.0
    return {
        "heldout": {
            "loss": {"value": 2.75 - shift, "n": 33, "low": 2.6 - shift, "high": 2.9 - shift},
            "rouge_l": {
                "value": 0.125 + shift, "n": 20, "low": 0.0625 + shift, "high": 0.1875 + shift,
                "floor": 0.03125, "abstention": 0.05,
            },
        }
    }  # fmt: skip


def make_manifest(name: str) -> dict[str, Any]:
    """A manifest with every part of the contract and one that is unknown."""
    return {
        "format": 1, "id": name, "created": "2026-11-25T03:01:02.345Z", "command": "loralab train law.yaml",
        "versions": {"loralab": "0.1.0", "python": "3.12.3", "torch": "2.8.0"},
        "git": {"commit": "0123456789abcdef0123456789abcdef01234567", "dirty": True},
        "hardware": {"cpu": "Some CPU", "cores": 16, "memory_bytes": 2**37, "gpus": [{"name": "Some GPU"}]},
        "seeds": {"train": 42, "split": 0},
        "data_files": [{"path": "data/law.jsonl", "sha256": "d" * 64, "rows": 676}],
        "model": {
            "name": "Qwen/Qwen2.5-0.5B-Instruct", "revision": "7ae557604adf67be50417f59c2c2f167def9a775",
            "origin": "huggingface",
            "weights": [{"path": "model.safetensors", "sha256": "a" * 64, "bytes": 988097824}],
        },
        "evaluation_fingerprint": "f" * 16,
        "decoding": {"do_sample": False, "max_new_tokens": 512},
        "engine": {"name": "plain", "reason": "asked for"},
        "threads": 8,
        "from_the_future": {"nested": {"key": "kept in sight"}},
    }  # fmt: skip


def make_config() -> dict[str, Any]:
    """The defaults with a few changes."""
    config = to_dict(Config())
    config["model"]["name"] = "Qwen/Qwen2.5-0.5B-Instruct"
    config["data"]["train"] = ["data/law.jsonl"]
    config["train"]["epochs"] = 3.0
    return config


def make_data_report() -> dict[str, Any]:
    """data/report.json."""
    return {
        "files": [{"path": "data/law.jsonl", "sha256": "d" * 64, "rows": 676, "format": "alpaca"}],
        "read": 676, "kept": 673, "repaired": {"trailing_space": 11},
        "dropped": {"empty_answer": 2, "too_long": 1},
        "cut": 7, "cut_answers": 6, "duplicates": 4, "conflicts": 5, "overlap": 9,
        "tokens": {"median": 210, "p95": 371, "max": 384, "total": 141330, "label_total": 88123},
    }  # fmt: skip
