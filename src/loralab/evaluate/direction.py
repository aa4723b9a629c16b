"""A metric's name in, whether more of it is better, worse or neither out."""

from __future__ import annotations

from loralab.evaluate.heldout import LOWER_IS_BETTER

# side metrics of answers, see the scorers in tasks/ and citation/
FAULTS = frozenset({
    "placeholder", "out_of_range", "repealed", "unknown_law", "repetition", "zero_for_length",
})  # fmt: skip
# copied: quotations of statutes stand in training answers too, and a model may learn to quote them
NEITHER = frozenset({"cites", "length_ratio", "chose_all", "copied"})
LOWER = LOWER_IS_BETTER | FAULTS


def direction(metric: str) -> int:
    """1 where more is better, -1 where less is, 0 where a difference is neither."""
    if metric in NEITHER:
        return 0
    return -1 if metric in LOWER else 1
