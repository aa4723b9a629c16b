"""Scenarios of studies from the command line: one short table each; 1 if a promise breaks."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from studies import kills, nodes


def main() -> int:
    """Play the scenario that is named."""
    parser = argparse.ArgumentParser(prog="python -m studies")
    parser.add_argument("--folder", type=Path, help="where the studies go, and stay")
    scenarios = parser.add_subparsers(dest="scenario", required=True)
    killed = scenarios.add_parser(
        "kills", help="a study that is killed at random moments, on two tiny models and others"
    )
    killed.add_argument(
        "--model", action="append", default=[], help="one more model, a folder; may be repeated"
    )
    killed.add_argument("--kills", type=int, default=2)
    killed.add_argument("--seed", type=int, default=time.time_ns() % 100_000)
    killed.add_argument("--steps", type=int, default=2, help="of each cell, on two rows each")
    lost = scenarios.add_parser("nodes", help="a study on a Ray cluster whose machines are lost; needs root")
    lost.add_argument("scenes", nargs="*", default=list(nodes.SCENES), help=", ".join(nodes.SCENES))
    given = parser.parse_args()
    if unknown := set(getattr(given, "scenes", ())) - set(nodes.SCENES):
        parser.error(f"no such scene: {', '.join(sorted(unknown))}")
    folder = (given.folder or Path(tempfile.mkdtemp(prefix="loralab-studies-"))).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    return kills.main(given, folder) if given.scenario == "kills" else nodes.main(given, folder)


if __name__ == "__main__":
    sys.exit(main())
