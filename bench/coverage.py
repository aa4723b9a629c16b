#!/usr/bin/env python3
"""How often the 95 % intervals hold the true value, by simulation: means, weighted means, differences, shares.

    python bench/coverage.py --trials 1000

Prints one line for each kind of rows and each n, with the error of the simulation itself (two standard errors).
The last lines give how often something is called better or worse where nothing differs. Seeded.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Sequence

import numpy as np

from loralab.evaluate.statistics import (
    Estimate,
    exact_mcnemar,
    holm,
    paired_difference,
    randomisation_p,
    weighted_mean,
)

SEED = 7
Generator = np.random.Generator
Trial = Callable[[Generator, int], tuple[Estimate, float]]


def normal_mean(draw: Generator, n: int) -> tuple[Estimate, float]:
    """Rows round 3 with deviation 2."""
    return weighted_mean(list(draw.normal(3.0, 2.0, n))), 3.0


def skewed_mean(draw: Generator, n: int) -> tuple[Estimate, float]:
    """Log-normal rows, as losses are."""
    return weighted_mean(list(draw.lognormal(0.0, 0.5, n))), math.exp(0.125)


def score_mean(draw: Generator, n: int) -> tuple[Estimate, float]:
    """Scores from 0 to 1 with most of them low, as ROUGE-L is."""
    return weighted_mean(list(draw.beta(0.5, 1.5, n))), 0.25


def weighted_loss(draw: Generator, n: int) -> tuple[Estimate, float]:
    """Losses 2 - u that fall with the row's length 20 + 180 u, its weight; u is uniform from 0 to 1."""
    u = draw.uniform(0, 1, n)
    weights = 20 + 180 * u
    values = 2 - u + draw.normal(0, 0.4, n)
    true = (20 * 2 - 20 / 2 + 180 * 2 / 2 - 180 / 3) / (20 + 180 / 2)  # E[weight x loss] / E[weight]
    return weighted_mean(list(values), list(weights)), true


def paired_gain(draw: Generator, n: int) -> tuple[Estimate, float]:
    """The same rows twice, 0.02 better the second time."""
    before = draw.beta(0.5, 1.5, n)
    after = before + 0.02 + draw.normal(0, 0.1, n)
    return paired_difference(list(before), list(after)), 0.02


def paired_accuracy(draw: Generator, n: int) -> tuple[Estimate, float]:
    """Right and wrong answers, of which 15 % are fixed and 8 % broken."""
    change = draw.choice([1.0, -1.0, 0.0], size=n, p=[0.15, 0.08, 0.77])
    before = np.where(change > 0, 0.0, np.where(change < 0, 1.0, draw.integers(0, 2, n)))
    return paired_difference(list(before), list(before + change)), 0.07


def share(p: float) -> Trial:
    """Right answers with this probability."""
    return lambda draw, n: (weighted_mean(list((draw.uniform(0, 1, n) < p).astype(float))), p)


KINDS: dict[str, Trial] = {
    "mean, normal rows": normal_mean,
    "mean, log-normal rows": skewed_mean,
    "mean, scores 0 to 1": score_mean,
    "weighted mean, loss by tokens": weighted_loss,
    "paired difference, scores": paired_gain,
    "paired difference, right and wrong": paired_accuracy,
    "proportion 0.5": share(0.5),
    "proportion 0.3": share(0.3),
    "proportion 0.05": share(0.05),
}


def coverage(trial: Trial, n: int, trials: int, seed: int = SEED) -> float:
    """The share of simulated intervals that hold the true value."""
    draw = np.random.Generator(np.random.PCG64([seed, n]))
    held = 0
    for _ in range(trials):
        estimate, true = trial(draw, n)
        assert estimate.low is not None and estimate.high is not None
        held += estimate.low <= true <= estimate.high
    return held / trials


def false_alarms(tasks: int, n: int, trials: int, graded: bool) -> float:
    """How often anything is called better or worse when two equal runs are compared in several tasks."""
    draw = np.random.Generator(np.random.PCG64([SEED, tasks, n]))
    alarms = 0
    for _ in range(trials):
        pairs = [_equal_runs(draw, n, graded) for _ in range(tasks)]
        ps = [randomisation_p(*pair) if graded else exact_mcnemar(*pair) for pair in pairs]
        shown = [
            p < 0.05 and paired_difference(*pair).excludes_zero
            for p, pair in zip(holm(ps), pairs, strict=True)
        ]
        alarms += any(shown)
    return alarms / trials


def _equal_runs(draw: Generator, n: int, graded: bool) -> tuple[Sequence[float], Sequence[float]]:
    if graded:
        level = draw.beta(2, 4, n)
        return list(level + draw.normal(0, 0.1, n)), list(level + draw.normal(0, 0.1, n))
    return list(draw.integers(0, 2, n).astype(float)), list(draw.integers(0, 2, n).astype(float))


def main() -> int:
    """Simulate and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--n", type=int, nargs="+", default=[100, 500])
    parser.add_argument("--alarms", type=int, default=200, help="trials of equal runs; 0 leaves them out")
    args = parser.parse_args()
    error = 2 * math.sqrt(0.95 * 0.05 / args.trials)
    for name, trial in KINDS.items():
        for n in args.n:
            found = coverage(trial, n, args.trials)
            print(json.dumps({"kind": name, "n": n, "coverage": found, "error": round(error, 4)}), flush=True)
    for graded in (True, False) if args.alarms else ():
        found = false_alarms(10, 100, args.alarms, graded)
        kind = "equal runs, 10 tasks, " + ("scores" if graded else "right and wrong")
        print(
            json.dumps({"kind": kind, "n": 100, "better_or_worse": found, "trials": args.alarms}), flush=True
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
