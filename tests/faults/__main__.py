"""`python -m faults SCENARIO`, from tests/; `make faults` is the first of them."""

from __future__ import annotations

import importlib
import sys

SCENARIOS = {
    "kills": "runs that are killed at random moments and carried on",
    "power": "the same, with the power of their disk cut instead",
    "swanlab": "every fault of a tracker, on the product",
    "steps": "ten thousand steps through the SwanLab mirror",
    "sigterm": "a run that is told to end at random moments, on a model of your own",
}


def main(words: list[str]) -> int:
    """Run the scenario that is named first, `kills` if none is."""
    if words in (["-h"], ["--help"]):
        print("\n".join(f"python -m faults {name:8} {what}" for name, what in SCENARIOS.items()))
        return 0
    name, rest = (words[0], words[1:]) if words and words[0] in SCENARIOS else ("kills", words)
    return int(importlib.import_module(f"faults.{name}").main(rest))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
