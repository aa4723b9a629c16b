#!/usr/bin/env python3
"""Measure one optimizer step of LoRA training: loralab beside the Hugging Face Trainer and TRL, on the same rows.

    python bench/train.py --model MODEL_FOLDER --rows rows.jsonl --rounds 3 --out measured.jsonl
    python bench/train.py --model MODEL_FOLDER --rows rows.jsonl --rounds 3 --out parity.jsonl --dropout 0

Every round measures every variant once, one at a time, each in a process of its own: one step on short parts of rows
to warm up, one on whole rows that counts. All start from one adapter and train on the same token ids and labels in the same steps, which lie
in a folder beside --out. Each measurement is a line of --out: the same command goes on where it was stopped,
and prints the table when nothing is left. CPU only, float32.

    tutorial   Trainer, gradient checkpointing, rows as they come: the settings of the usual tutorials
    hf-tuned   Trainer without checkpointing, rows of a step sorted by length
    trl        SFTTrainer as it comes, but in float32
    trl-tuned  SFTTrainer without checkpointing, rows of a step sorted by length
    trl-bf16   SFTTrainer as it comes; not by default, since it computes something else
    plain      loralab, train.engine=plain
    fast       loralab, train.engine=fast

The TRL variants need `pip install trl==1.16.0`, which loralab does not; without it they are left out.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from loralab.errors import UserError
from loralab.train.environment import git_state, hardware, versions
from side_by_side.job import STEPS, BenchError, Job, Settings, read_job, read_rows, write_job
from side_by_side.limit import least_flops, measure_products, read_shape
from side_by_side.own import ENGINES, measure_own
from side_by_side.peers import PEERS, measure_peer
from side_by_side.table import LIMIT, Record, Work, by_variant, notes, table

VARIANTS = ("tutorial", "hf-tuned", "trl", "trl-tuned", "plain", "fast")
STDERR_LINES = 8  # of a failed measurement that are kept


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is left, print the table; 0, or 1 if a measurement failed, 2 for a wrong use."""
    args = _parser().parse_args(arguments)
    if args.measure:
        print(json.dumps(_measure(read_job(Path(args.measure[0])), args.measure[1])))
        return 0
    try:
        return _bench(args)
    except (BenchError, UserError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    defaults = Settings("")
    parser.add_argument("--model", type=Path, help="model folder")
    parser.add_argument("--rows", type=Path, help="JSON lines of any shape that loralab reads, or tokenised")
    parser.add_argument("--out", type=Path, help="JSON lines that measurements are added to")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--variants", default=",".join(VARIANTS), help="default: %(default)s")
    parser.add_argument("--row-count", type=int, default=defaults.row_count, help="rows of a step")
    parser.add_argument("--batch-rows", type=int, default=defaults.batch_rows, help="rows of a micro-batch")
    parser.add_argument("--max-tokens", type=int, default=defaults.max_tokens, help="longer rows are cut")
    parser.add_argument("--dropout", type=float, default=defaults.dropout, help="default: %(default)s")
    parser.add_argument("--threads", type=int, default=defaults.threads)
    parser.add_argument(
        "--packing", choices=["off", "in_place", "forward", "both"], help="of fast; default: its own"
    )
    parser.add_argument("--budget-tokens", type=int, help="of fast; default: its own")
    parser.add_argument(
        "--warm-tokens", type=int, default=defaults.warm_tokens,
        help="of each row in the step that warms up; 0: all (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)  # one variant of a job
    return parser


def _measure(job: Job, name: str) -> dict[str, Any]:
    """In this process."""
    import torch

    torch.set_num_threads(job.settings.threads)
    if name == LIMIT:
        return measure_products(read_shape(Path(job.settings.model)))
    return measure_own(job, name) if name in ENGINES else measure_peer(job, name)


# ---------------------------------------------------------------------------------------------- rounds


def _bench(args: argparse.Namespace) -> int:
    settings = _settings(args)
    wanted, left_out = _wanted(args.variants)
    found = read_rows(args.rows, settings)
    print(
        f"{len(found.rows)} rows for {STEPS} steps, of which --max-tokens cuts {found.cut}; "
        f"rows of the file that leave nothing to train on: {found.left_out}",
        *left_out,
        sep="\n",
        flush=True,
    )
    job = write_job(args.out.with_suffix(".job"), settings, found.rows)
    records = continue_file(args.out, _head(job))
    for number, variant in left_to_measure(records, wanted, args.rounds):
        record = {"round": number, "variant": variant} | _in_a_process(job, variant)
        _append(args.out, record)
        records.append(record)
        print(f"round {number}  {variant:10} {_said(record)}", flush=True)
    work = _work(job)
    print(
        *_heading(work),
        *table(records, wanted, work),
        *notes(records, wanted, args.rounds, settings.dropout),
        *left_out,
        sep="\n",
    )
    return int(bool(left_to_measure(records, wanted, args.rounds)))


def _settings(args: argparse.Namespace) -> Settings:
    """Raises BenchError for values that cannot be measured."""
    missing = [name for name in ("model", "rows", "out") if getattr(args, name) is None]
    if missing:
        raise BenchError(f"missing: {', '.join('--' + name for name in missing)}")
    counts = (args.row_count, args.batch_rows, args.threads, args.rounds, args.max_tokens)
    if min(counts) < 1 or args.row_count % args.batch_rows:
        raise BenchError("counts must be positive, and --row-count a multiple of --batch-rows")
    return Settings(
        str(args.model.absolute()), args.row_count, args.batch_rows, args.max_tokens, args.dropout, args.threads,
        args.packing, args.budget_tokens, args.warm_tokens,
    )  # fmt: skip


def _wanted(text: str) -> tuple[list[str], list[str]]:
    """The variants that can be measured here, and a line on those that cannot. Raises BenchError for unknown names."""
    names = [name for name in text.split(",") if name]
    unknown = [name for name in names if name not in PEERS and name not in ENGINES]
    if unknown or len(set(names)) < len(names) or not names:
        known = ", ".join([*PEERS, *ENGINES])
        raise BenchError(f"--variants {text}: each of these once, if at all: {known}")
    missing = [name for name in names if name in PEERS and find_spec(PEERS[name].package) is None]
    line = f"left out, since TRL is not installed (pip install trl==1.16.0): {', '.join(missing)}"
    return [name for name in names if name not in missing], [line] if missing else []


def left_to_measure(records: Sequence[Record], variants: Sequence[str], rounds: int) -> list[tuple[int, str]]:
    """Rounds, from 1, and variants without a result. Every second round goes backwards.

    The limit is measured next to the last variant, which is loralab's fast engine unless asked otherwise.
    """
    found = by_variant(records)
    names = [*variants, LIMIT]
    return [
        (number, name)
        for number in range(1, rounds + 1)
        for name in (names if number % 2 else names[::-1])
        if number not in found.get(name, {})
    ]


def _in_a_process(job: Job, variant: str) -> dict[str, Any]:
    threads = str(job.settings.threads)
    environment = os.environ | {
        "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads, "CUDA_VISIBLE_DEVICES": "", "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }  # fmt: skip
    command = [sys.executable, str(Path(__file__)), "--measure", str(job.folder), variant]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        return {"failed": done.stderr.splitlines()[-STDERR_LINES:], "exit_code": done.returncode}
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _said(record: Record) -> str:
    if "failed" in record:
        return "\n  ".join([f"failed with exit code {record['exit_code']}", *record["failed"]])
    if record["variant"] == LIMIT:
        return f"{record['gflops']:.1f} GFLOP per CPU second"
    losses = ", ".join(f"{loss:.6f}" for loss in record["losses"])
    return f"{record['cpu_seconds']:8.2f} CPU s, {record['wall_seconds']:.2f} s, losses {losses}"


def _work(job: Job) -> Work:
    rows, settings = job.step_rows(STEPS), job.settings
    return Work(
        sum(len(row.encoded.ids) for row in rows), sum(sum(row.encoded.trained[1:]) for row in rows),
        least_flops(read_shape(Path(settings.model)), rows, settings.dropout),
    )  # fmt: skip


def _heading(work: Work) -> list[str]:
    return [
        "",
        f"measured step: {work.tokens} tokens, {work.label_tokens} label tokens, at least {work.least_flops / 1e9:.0f} GFLOP",
        "seconds are CPU seconds of all threads, except wall; tokens/s are a CPU second's",
    ]


# ---------------------------------------------------------------------------------------------- file


def _head(job: Job) -> dict[str, Any]:
    """The first line of the file: what has to be the same for all its measurements."""
    peers = {"trl": _version("trl"), "accelerate": _version("accelerate")}
    machine = {name: value for name, value in hardware().items() if name not in ("gpus", "threads")}
    return {
        "settings": asdict(job.settings),
        "rows_sha256": hashlib.sha256((job.folder / "rows.jsonl").read_bytes()).hexdigest(),
        "versions": versions() | peers,
        "hardware": machine,
        "code": git_state(Path(__file__).parent),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def continue_file(path: Path, head: dict[str, Any]) -> list[Record]:
    """The measurements in the file, which is made if need be; a line that was cut off is removed and said.

    Raises BenchError if they were made of something else than `head` says.
    """
    if not path.exists() or not path.stat().st_size:
        _append(path, head)
        return []
    text = path.read_text("utf-8")
    whole, _, rest = text.rpartition("\n")
    if rest:
        print(f"{path}: the last line was cut off by a stop and is removed")
        path.write_text(whole + "\n" if whole else "", "utf-8")
        return continue_file(path, head)
    first, *records = [json.loads(line) for line in whole.split("\n")]
    changed = [key for key in head if first.get(key) != json.loads(json.dumps(head[key]))]
    if changed:
        raise BenchError(f"{path} was measured with other {', '.join(changed)}: name another file with --out")
    return records


def _append(path: Path, record: dict[str, Any]) -> None:
    with path.open("a", encoding="utf-8") as out:
        out.write(json.dumps(record, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    sys.exit(main())
