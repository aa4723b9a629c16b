#!/usr/bin/env python3
"""Take two steps of random rows in a fresh process for each shape; print planned and measured peaks and their ratio.

    python bench/memory.py MODEL_FOLDER
    python bench/memory.py MODEL_FOLDER --shapes fast:2x512 plain:2x256:recompute --rank 16

A shape is ENGINE:ROWSxTOKENS, with `:recompute` behind it if activations are recomputed. The first step has one short
row and gives the optimizer its state; the second has two micro-batches of the shape, half of their tokens with a loss.
Linux only: the peak is the kernel's own (VmHWM), which other work on the machine does not change. Exit code 1 if any
plan is more than 15 % off.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

from loralab.config import Config, make_config
from loralab.encode.encode import Encoded
from loralab.engine.base import Engine, TokenRow, recomputes
from loralab.model.activations import Kind, MicroBatch
from loralab.model.memory_plan import MIB, Answering, Demand, plan_memory
from loralab.model.shape import ModelShape, read_shape
from loralab.model.weights import weight_files

TOLERANCE = 0.15
SHAPES = ("fast:1x512", "fast:2x512", "fast:1x512:recompute", "plain:2x256")


def main() -> int:
    """Measure each shape in a process of its own and compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("--shapes", nargs="+", default=SHAPES)
    parser.add_argument("--rank", type=int, default=64)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.inside:
        print(json.dumps(measure(args.model, args.shapes[0], args.rank, args.dropout)))
        return 0
    records = [compare(args.model, text, args.rank, args.dropout) for text in args.shapes]
    print(json.dumps(records))
    return 0 if all(abs(record["ratio"] - 1) <= TOLERANCE for record in records) else 1


def parse(text: str) -> tuple[str, int, int, bool]:
    """Engine, rows, tokens of a row, and whether activations are recomputed."""
    engine, size, *more = text.split(":")
    rows, tokens = size.split("x")
    return engine, int(rows), int(tokens), more == ["recompute"]


def config_of(model: Path, text: str, rank: int, dropout: float) -> Config:
    """The settings of a shape."""
    engine, rows, _, recompute = parse(text)
    return make_config(
        [
            f"model.name={model}", "data.train=none", f"train.engine={engine}", f"train.batch_rows={rows}",
            f"train.recompute={'on' if recompute else 'off'}", f"lora.rank={rank}", f"lora.dropout={dropout}",
        ]
    )  # fmt: skip


def compare(model: Path, text: str, rank: int, dropout: float) -> dict[str, Any]:
    """Plan and measurement of one shape, printed and returned."""
    words = [str(model), "--shapes", text, "--rank", str(rank), "--dropout", str(dropout), "--inside"]
    done = subprocess.run([sys.executable, __file__, *words], stdout=subprocess.PIPE, text=True, check=True)
    measured = json.loads(done.stdout.splitlines()[-1])
    planned = plan(model, text, rank, dropout)
    record = {"shape": text, **planned, **measured}
    record["ratio"] = round(record["planned_mib"] / record["measured_mib"], 3)
    print(
        f"{text}: planned {record['planned_mib']} MiB, measured {record['measured_mib']} MiB, ratio {record['ratio']}"
    )
    return record


def plan(model: Path, text: str, rank: int, dropout: float) -> dict[str, int]:
    """What the plan says of training and of loading."""
    engine, rows, tokens, _ = parse(text)
    config = config_of(model, text, rank, dropout)
    shape = read_shape(model)
    assert isinstance(shape, ModelShape), str(shape)
    kind = Kind(
        engine, 4, rank, config.lora.targets, bool(dropout), recomputes(config.train.recompute, "cpu")
    )
    batch = MicroBatch(rows, rows * tokens, rows * tokens // 2)
    files = sum(path.stat().st_size for path in weight_files(model))
    phases = plan_memory(shape, Demand(kind, "cpu", batch, Answering(1, 1, 1), None, files)).phases
    training, loading = phases[0].bytes // MIB, phases[1].bytes // MIB
    return {"planned_mib": max(training, loading), "planned_loading_mib": loading}


def measure(model: Path, text: str, rank: int, dropout: float) -> dict[str, int]:
    """Load and take the two steps here; the peaks of this process so far after each."""
    import torch

    from loralab.model.adapter import trainable
    from loralab.model.load import load_tuned

    config = config_of(model, text, rank, dropout)
    tuned = load_tuned(model, config, "cpu")
    loading = peak_mib()
    engine = make_engine(tuned, config, text)
    optimizer = torch.optim.AdamW(list(trainable(tuned.model).values()), lr=0.0, foreach=False)
    for step, rows in enumerate(steps(text), 1):
        optimizer.zero_grad(set_to_none=True)
        engine.loss_and_gradients(rows, step)
        optimizer.step()
    return {"measured_mib": peak_mib(), "measured_loading_mib": loading}


def make_engine(tuned: Any, config: Config, text: str) -> Engine:
    """The engine of a shape, its micro-batch as large as the shape says."""
    from loralab.engine.fast.engine import FastEngine, FastOptions
    from loralab.engine.plain import PlainEngine

    name, rows, tokens, _ = parse(text)
    if name == "plain":
        return PlainEngine(tuned, config, 0)
    return FastEngine(tuned, config, options=FastOptions(budget_tokens=rows * tokens))


def steps(text: str) -> list[list[TokenRow]]:
    """One short row; then two micro-batches, whose rows differ by a token so that plain ones are padded."""
    _, rows, tokens, _ = parse(text)
    return [[make_row(0, 8)], [make_row(i + 1, tokens - i % 2) for i in range(2 * rows)]]


def make_row(number: int, tokens: int) -> TokenRow:
    """Random tokens, the second half with a loss."""
    ids = tuple(random.Random(number).randrange(1, 500) for _ in range(tokens))
    return TokenRow(str(number), Encoded(ids, tuple(i >= tokens // 2 for i in range(tokens))))


def peak_mib() -> int:
    """The largest resident size of this process so far."""
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) // 1024


if __name__ == "__main__":
    sys.exit(main())
