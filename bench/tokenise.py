#!/usr/bin/env python3
"""Tokenise chat rows with `datasets.map`, as other trainers do, and with loralab; print rows a second and the ratio.

    python bench/tokenise.py MODEL_FOLDER
    python bench/tokenise.py MODEL_FOLDER --rows rows.jsonl --rounds 5

Rows are JSON lines {"messages": [...]}; without a file they are made, one question and answer each. Every
round runs each way once, so that other work on the machine slows all of them: compare the ratio, not the
seconds. `datasets.map` renders and tokenises the prompt and the whole text and masks the prompt, row by row
and batch by batch; the faster counts. loralab does not read its cache. Then ids and masks of all rows are
compared; exit code 1 if any differs for another reason than a token that would span question and answer.
The ways need `datasets`, which loralab does not: pip install datasets.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault(
    "TOKENIZERS_PARALLELISM", "false"
)  # as the command line does; workers are counted below

from loralab.data.conversation import Conversation, Message
from loralab.encode.batch import EncodeRules
from loralab.encode.encode import Encoded
from loralab.encode.store import TokenStore, encode_all
from loralab.encode.template import ChatTemplate, read_template
from loralab.model.tokenizer import load_tokenizer

Messages = list[dict[str, str]]
MASKED = -100
SHARED: dict[str, Any] = {}  # forked processes find the tokenizer here; passed to them it costs seconds
SENTENCES = (
    "根据《中华人民共和国民法典》第五百七十七条，当事人一方不履行合同义务的，应当承担违约责任。",
    "租赁期限届满，承租人应当返还租赁物。", "建议先与对方协商；协商不成的，可以向人民法院起诉。",
    "试用期最长不得超过六个月，即 6 个月。", "The parties may also agree on arbitration.", "诉讼时效期间为三年。",
    "\n1. 保留转账记录、聊天记录等证据；\n2. 书面催告；\n3. 申请支付令。", "具体情况还需结合证据判断。",
)  # fmt: skip


def main() -> int:
    """Run the rounds, compare the results, print both."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path, help="folder with a tokenizer that has a chat template")
    parser.add_argument("--rows", type=Path, help='JSON lines {"messages": [...]}')
    parser.add_argument("--count", type=int, default=10_000, help="rows to make, if no file is given")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--workers", type=int, default=2, help="processes of datasets.map, threads of loralab"
    )
    args = parser.parse_args()
    template = read_template(load_tokenizer(args.model, trust_remote_code=False))
    SHARED["tokenizer"] = template.tokenizer
    rows = read_rows(args.rows) if args.rows else make_rows(args.count)
    try:
        ways = peer_ways(rows, args.workers)
    except ImportError:
        print("this benchmark compares with datasets: pip install datasets", file=sys.stderr)
        return 2
    ways["loralab"] = own_way(rows, template, args.workers)
    seconds, results = run_rounds(ways, args.rounds, len(rows))
    fastest = min((name for name in ways if name != "loralab"), key=lambda name: seconds[name])
    compared = compare(results["loralab"], results[fastest])
    record = {
        "rows": len(rows), "workers": args.workers, "rounds": args.rounds,
        "rows_per_second": {name: round(len(rows) / s) for name, s in seconds.items()},
        "fastest_peer": fastest, "ratio": round(seconds[fastest] / seconds["loralab"], 2), **compared,
    }  # fmt: skip
    print(f"loralab is {record['ratio']} times as fast as {fastest}; {compared}")
    print(json.dumps(record))
    return 1 if compared["different"] else 0


def read_rows(path: Path) -> list[Messages]:
    """The messages of each line."""
    return [json.loads(line)["messages"] for line in path.read_text("utf-8").split("\n") if line.strip()]


def make_rows(count: int) -> list[Messages]:
    """Questions of 1 to 3 sentences with answers of 1 to 12."""
    chance = random.Random(0)

    def text(most: int) -> str:
        return "".join(chance.choices(SENTENCES, k=chance.randint(1, most))).strip()

    return [
        [
            {"role": "user", "content": f"{number}. {text(3)}"},
            {"role": "assistant", "content": text(12)},
        ]
        for number in range(count)
    ]


def peer_ways(rows: Sequence[Messages], workers: int) -> dict[str, Callable[[], Any]]:
    """`datasets.map` row by row and batch by batch."""
    import datasets

    datasets.disable_caching()
    datasets.disable_progress_bars()
    table = datasets.Dataset.from_list([{"messages": row} for row in rows])

    def run(function: Callable[..., Any], batched: bool) -> Any:
        return table.map(
            function, batched=batched, num_proc=workers, remove_columns=["messages"],
            new_fingerprint="none",  # else it first hashes the vocabulary, which takes seconds
        )  # fmt: skip

    return {
        "datasets.map": lambda: run(tokenise_row, False),
        "datasets.map batched": lambda: run(tokenise_batch, True),
    }


def tokenise_batch(batch: dict[str, Any]) -> dict[str, Any]:
    """Ids of the whole text, and labels that mask the prompt."""
    tokenizer = SHARED["tokenizer"]
    prompts = tokenizer.apply_chat_template(
        [m[:-1] for m in batch["messages"]], tokenize=False, add_generation_prompt=True
    )
    texts = tokenizer.apply_chat_template(batch["messages"], tokenize=False)
    asked = tokenizer(prompts, add_special_tokens=False)["input_ids"]
    ids = tokenizer(texts, add_special_tokens=False)["input_ids"]
    labels = [[MASKED] * len(q) + whole[len(q) :] for q, whole in zip(asked, ids, strict=True)]
    return {"input_ids": ids, "labels": labels}


def tokenise_row(row: dict[str, Any]) -> dict[str, Any]:
    """The same for one row."""
    made = tokenise_batch({"messages": [row["messages"]]})
    return {name: values[0] for name, values in made.items()}


def own_way(rows: Sequence[Messages], template: ChatTemplate, workers: int) -> Callable[[], TokenStore]:
    """`encode_all` as a run calls it, but for the cache; the last answer is trained on, as above."""
    talks = [Conversation(tuple(Message(m["role"], m["content"]) for m in row)) for row in rows]  # type: ignore[arg-type]
    rules = EncodeRules(turns="last")
    return lambda: encode_all(talks, b"", template, rules, workers=workers, use_cache=False)


def run_rounds(
    ways: dict[str, Callable[[], Any]], rounds: int, count: int
) -> tuple[dict[str, float], dict[str, Any]]:
    """Median seconds and the last result of each way."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    results: dict[str, Any] = {}
    for number in range(1, rounds + 1):
        for name, way in ways.items():
            start = time.perf_counter()
            results[name] = way()
            times[name].append(time.perf_counter() - start)
            print(f"round {number}: {name:22} {count / times[name][-1]:8.0f} rows/s", flush=True)
    return {name: statistics.median(seconds) for name, seconds in times.items()}, results


def compare(store: TokenStore, peer: Any) -> dict[str, int]:
    """How many rows have equal ids and masks, a token that spans the border of the answer, or differ otherwise.

    What the template writes after the end token, which loralab leaves out, is not compared.
    """
    counts = {"equal": 0, "spanning": 0, "refused": 0, "different": 0}
    for number, row in enumerate(peer):
        own = store[number]
        if number in store.faults:
            counts["refused"] += 1
        elif not own.agrees:
            counts["spanning"] += 1
        else:
            counts["equal" if _equal(own, row) else "different"] += 1
    return counts


def _equal(own: Encoded, row: dict[str, list[int]]) -> bool:
    length = len(own.ids)
    masked = [label != MASKED for label in row["labels"][:length]]
    return list(own.ids) == row["input_ids"][:length] and list(own.trained) == masked


if __name__ == "__main__":
    sys.exit(main())
