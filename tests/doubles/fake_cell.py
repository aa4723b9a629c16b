"""A stand-in for `python -m loralab train CONFIG` and `resume RUN`, run as a file: a finished run in no time.

The losses follow from the rank. Rank 99 is refused, rank 98 diverges, rank 97 is at work until a signal comes, and
goes on from there. Each command leaves a line in trained.txt beside the cell's config. It imports nothing of loralab,
which takes a second.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import yaml

NUM_QUESTIONS = 60
PARTS = {"questions": "q1", "messages": "m1", "references": "r1", "decoding": "d1", "backend": "local"}
FINISHED = {"kind": "run_finished", "reason": "done", "seconds": 120.0}


def main(verb: str, path: Path) -> int:
    cell = path.parent
    config = yaml.safe_load((cell / "config.yaml").read_text("utf-8"))
    with (cell / "trained.txt").open("a") as stream:
        stream.write(f"{verb}\n")
    rank = config["lora"]["rank"]
    run = cell / f"0001-{cell.name}"
    if rank == 99:
        print("config: rank 99 is refused")
        return 2
    if rank == 97 and verb == "train":
        return at_work(run, config)
    ending = {"kind": "run_failed", "error": "the loss is not finite"} if rank == 98 else FINISHED
    write_run(run, config, ending)
    return int(rank == 98)


def at_work(run: Path, config: dict[str, Any]) -> int:
    """Begin a run, wait for a signal, and end as a run that saved itself."""
    got: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda n, frame: got.append(n))
    write_run(run, config, None)
    (run / "at_work.tmp").write_text(str(os.getpid()))
    (run / "at_work.tmp").rename(run / "at_work")
    deadline = time.monotonic() + 60
    while not got and time.monotonic() < deadline:
        time.sleep(0.01)
    (run / "at_work").unlink()
    write_run(run, config, {"kind": "run_interrupted"})
    return 128 + got[0]


def write_run(run: Path, config: dict[str, Any], ending: dict[str, Any] | None) -> None:
    """A run with this last event, and with scores if it finished."""
    (run / "scores").mkdir(parents=True, exist_ok=True)
    step = {
        "step": 1,
        "epoch": 1,
        "loss": 2.0,
        "tokens": 100,
        "label_tokens": 60,
        "seconds": 30.0,
        "peak_bytes": 2**30,
    }
    events = [{"kind": "run_started"}, {"kind": "model_ready", "parameters": 1001000, "trainable": 1000},
              {"kind": "step", **step}, *([ending] if ending else [])]  # fmt: skip
    lines = [json.dumps({"seq": i, "time": f"2026-11-25T03:01:0{i}.000Z", **e}) for i, e in enumerate(events)]
    (run / "config.yaml").write_text(yaml.safe_dump(config), "utf-8")
    (run / "events.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    fingerprint = {"hash": "h1", "parts": PARTS, "template": "chatml"}
    (run / "manifest.json").write_text(json.dumps({"format": 1, "evaluation_fingerprint": fingerprint}))
    (run / "report.html").write_text("")
    if ending is FINISHED:
        write_scores(run / "scores", config["lora"]["rank"])


def write_scores(folder: Path, rank: int) -> None:
    """Losses that fall with the rank."""
    losses = [2.0 - 0.1 * min(rank, 8) + 0.01 * (i % 7) for i in range(NUM_QUESTIONS)]
    rows = [
        {"task": "heldout", "metric": "loss", "id": f"q{i}", "value": v, "weight": 1}
        for i, v in enumerate(losses)
    ]
    (folder / "after.rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    entry = {"value": sum(losses) / len(losses), "n": len(losses), "low": None, "high": None}
    (folder / "after.json").write_text(json.dumps({"heldout": {"loss": entry}}))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
