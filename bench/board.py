"""A run of many steps in; how soon the board shows it, how soon a new step, and in how much memory, out.

python bench/board.py --steps 100000 --rounds 3
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

START = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = ("chromium", "chromium-browser", "google-chrome")
DRAWN = "#charts .u-over"
WHOLE = "#charts[aria-busy=false] .u-over"
FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
LIVE_EVENTS = 5


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=100_000, help="optimizer steps of the run")
    parser.add_argument("--rounds", type=int, default=3, help="servers started, one after the other")
    options = parser.parse_args()
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        sys.exit("no Chromium on this machine: apt install chromium")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        events = write_run(Path(folder), options.steps)
        print(f"{options.steps:,} steps, {events.stat().st_size / 1e6:.1f} MB of events")
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        rounds = []
        for number in range(options.rounds):
            rounds.append(measure(browser, Path(folder), events, options.steps + number * LIVE_EVENTS))
            print(f"round {number + 1} of {options.rounds}", flush=True)
        browser.close()
    print(*table(rounds), sep="\n")


def table(rounds: Sequence[Mapping[str, float]]) -> list[str]:
    """A line for each measurement: every round, and the largest of them."""
    heads = [*(f"round {number}" for number in range(1, len(rounds) + 1)), "worst"]
    rows = [(name, [found[name] for found in rounds]) for name in rounds[0]]
    return [
        " " * 50 + "".join(f"{head:>10}" for head in heads),
        *(
            f"{name:50}" + "".join(f"{value:10.2f}" for value in [*values, max(values)])
            for name, values in rows
        ),
    ]


def write_run(folder: Path, steps: int) -> Path:
    """A run with its process gone, and the file of its events."""
    run = folder / "0001-long"
    run.mkdir()
    (run / "manifest.json").write_text('{"format": 1, "model": {"name": "some/model"}}')
    with (run / "events.jsonl").open("w") as file:
        file.write(line({"seq": 0, "kind": "run_started"}))
        file.write(line({"seq": 1, "kind": "plan", "steps": steps}))
        file.writelines(line(step_event(step)) for step in range(1, steps + 1))
    return run / "events.jsonl"


def step_event(step: int) -> dict[str, Any]:
    """One step as a run writes it."""
    return {
        "seq": step + 1, "kind": "step", "step": step, "epoch": step / 50_000,
        "loss": 1 + math.exp(-step / 20_000) + 0.2 * math.sin(step * 12.9898), "grad_norm": 0.8 + math.sin(step) / 9,
        "learning_rate": 1e-4 / step, "tokens": 4000 + step % 97, "label_tokens": 2500, "rows": 16, "seconds": 2.5,
        "peak_bytes": 21_474_836_480,
    }  # fmt: skip


def line(event: dict[str, Any]) -> str:
    """A line of events.jsonl."""
    time_of = (
        (START + timedelta(seconds=event["seq"])).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )
    return json.dumps({"seq": event["seq"], "time": time_of, **event}) + "\n"


def measure(browser: Browser, folder: Path, events: Path, last_step: int) -> dict[str, float]:
    """One server, one page, a few steps that are added."""
    hold(folder / "0001-long" / "LOCK")
    server = subprocess.Popen(
        [sys.executable, "-m", "loralab", "board", str(folder), "--port", "0"],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert server.stderr
    address = server.stderr.readline().split()[-1]
    page = browser.new_context(bypass_csp=True).new_page()  # waiting for an expression needs eval
    begun = time.perf_counter()
    page.goto(f"{address}/run/0001-long")
    first_paint = painted_seconds(page)
    page.wait_for_selector(DRAWN)
    first_look = time.perf_counter() - begun
    page.wait_for_selector(WHOLE)
    curves, cpu = time.perf_counter() - begun, cpu_seconds(server.pid)
    page.wait_for_timeout(3000)
    waits = []
    for step in range(last_step + 1, last_step + 1 + LIVE_EVENTS):
        with events.open("a") as file:
            file.write(line(step_event(step)))
        written = time.perf_counter()
        page.wait_for_function(
            f"document.querySelector('[data-key=loss]').card.drawn.data[0].at(-1) >= {step}"
        )
        waits.append(time.perf_counter() - written)
        page.wait_for_timeout(700)
    page.reload()
    again = painted_seconds(page)
    memory = int(next(x for x in Path(f"/proc/{server.pid}/status").read_text().splitlines() if x.startswith("VmHWM")).split()[1])  # fmt: skip
    page.context.close()
    server.terminate()
    server.wait()
    return {
        "first paint, server just started, s": first_paint, "first look at the curves, s": first_look,
        "curves of every step, s": curves, "server, CPU seconds from its start until then": cpu,
        "first paint, run known to the server, s": again, "a new step in the curve, largest wait, s": max(waits),
        "server, peak resident memory, MB": memory * 1024 / 1e6,
    }  # fmt: skip


def painted_seconds(page: Page) -> float:
    """From the request to the first paint."""
    return float(page.wait_for_function(FIRST_PAINT).json_value()) / 1000


def cpu_seconds(pid: int) -> float:
    """Of a process so far; beside wall time, as a machine may have other work."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def hold(lock: Path) -> None:
    """The lock of this process, so that the run counts as running."""
    lock.unlink(missing_ok=True)
    from loralab.run.lock import RunLock

    RunLock(lock)


if __name__ == "__main__":
    main()
