#!/usr/bin/env python3
"""Run the demo with several seeds and record mean and range of its scores on the test rows.

    python bench/demo_seeds.py --seeds 42 43 44 --runs runs

Writes src/loralab/demo/assets/seeds.json, whose range `loralab demo` prints. The seed sets the adapter's
start and the order of rows. Not a timed test: it prints scores, never a verdict on speed.
"""

from __future__ import annotations

import argparse
import json
import sys

from loralab import train
from loralab.demo import demo_config, demo_scores
from loralab.demo.job import ASSETS
from loralab.run.files import write_json
from loralab.train.environment import versions


def main() -> int:
    """Train once for each seed; print and write the record."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[42, 43, 44])
    parser.add_argument("--runs", default="runs", help="folder in which the run folders are made")
    parser.add_argument("--dry", action="store_true", help="print the record without writing it")
    args = parser.parse_args()
    runs = [_run(seed, args.runs) for seed in args.seeds]
    headline = [run["last"]["whole answer"] for run in runs]
    record = {
        "metric": "whole answer right, last stage, test rows",
        "n": runs[0]["n"],
        "runs": runs,
        "mean": sum(headline) / len(headline),
        "low": min(headline),
        "high": max(headline),
        "versions": {k: v for k, v in versions().items() if k in ("python", "torch", "transformers", "peft")},
    }
    if not args.dry:
        write_json(ASSETS / "seeds.json", record)
    print(json.dumps(record, ensure_ascii=False, indent=2))
    return 0


def _run(seed: int, folder: str) -> dict[str, object]:
    config = demo_config(
        None, [f"train.seed={seed}", f"run.dir={folder}", f"run.name=demo-seed-{seed}", "track.swanlab=off"]
    )
    run = train(config)
    lines = demo_scores(run)
    stages = list(lines[0].stages)
    print(
        f"seed {seed}: " + ", ".join(f"{s} {lines[0].stages[s].value:.3f}" for s in stages), file=sys.stderr
    )
    return {
        "seed": seed,
        "n": lines[0].stages[stages[0]].n,
        "stages": {s: {line.metric: line.stages[s].value for line in lines} for s in stages},
        "last": {line.metric: line.stages[stages[-1]].value for line in lines},
    }


if __name__ == "__main__":
    sys.exit(main())
