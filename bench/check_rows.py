#!/usr/bin/env python3
"""Write a synthetic JSON-lines file and measure `loralab check` on it, beside loading it with `datasets`.

    python bench/check_rows.py --rows 1000000 --file rows.jsonl

Measures each command in a process of its own: CPU seconds (user and system, with its children) and peak
memory. `check` runs twice, without the search for near-duplicates and with it. The peer is
`datasets.load_dataset("json")` with one `map` that looks at every row's length, in one process, without its
cache (pip install datasets). The last line is one JSON object. Not a timed test.

The rows are made of a few hundred legal phrases, with 1 % each of copies, conflicting answers, refusals,
placeholders and very long answers, from a fixed seed: the same file every time.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

SUBJECTS = [
    "租赁合同",
    "劳动合同",
    "买卖合同",
    "交通事故",
    "离婚",
    "继承",
    "借款",
    "公司股权",
    "商标",
    "工伤",
    "房屋拆迁",
    "消费者权益",
    "网络购物",
    "物业服务",
    "建设工程",
    "著作权",
]
ASKERS = ["我", "我父亲", "我朋友", "公司", "邻居", "房东", "员工", "卖家", "买家", "承包方"]
FACTS = [
    "没有签书面协议",
    "拖欠款项已有三个月",
    "对方拒绝赔偿",
    "已经报警处理",
    "没有保留付款凭证",
    "合同约定不明",
    "对方失去联系",
    "已经收到法院传票",
    "双方协商不成",
    "只有聊天记录",
]
WISHES = [
    "应该怎么办",
    "可以要求赔偿吗",
    "需要准备哪些证据",
    "诉讼时效是多久",
    "应当向哪个法院起诉",
    "能不能解除合同",
    "费用由谁承担",
    "对方应承担什么责任",
]
BASES = [
    "《中华人民共和国民法典》第五百七十七条",
    "《中华人民共和国民法典》第一千零七十九条",
    "《中华人民共和国劳动合同法》第三十八条",
    "《中华人民共和国消费者权益保护法》第五十五条",
    "《中华人民共和国民事诉讼法》第一百二十二条",
]
STEPS = [
    "收集合同、转账记录和聊天记录",
    "先与对方书面协商",
    "向有管辖权的人民法院起诉",
    "申请财产保全",
    "向劳动仲裁委员会申请仲裁",
    "保留全部原始凭证",
    "在时效期间内主张权利",
    "必要时委托律师",
]
PEER = """
import datasets, sys
datasets.disable_caching(); datasets.disable_progress_bars()
rows = datasets.load_dataset("json", data_files=sys.argv[1], split="train", cache_dir=sys.argv[2])
rows = rows.map(lambda row: {"n": len(row["input"]) + len(row["output"])})
print(len(rows))
"""


def main() -> int:
    """Write the file where there is none, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--file", type=Path, required=True, help="kept if it is there, else written")
    parser.add_argument("--no-peer", action="store_true", help="do not measure datasets")
    args = parser.parse_args()
    if not args.file.exists():
        write_rows(args.file, args.rows)
    loralab = [sys.executable, "-m", "loralab", "check", str(args.file), "--json"]
    result: dict[str, object] = {"rows": args.rows, "bytes": args.file.stat().st_size}
    result["check"] = measure([*loralab, "data.near_duplicates=off"])
    result["check with near-duplicates"] = measure(loralab)
    if not args.no_peer:
        with tempfile.TemporaryDirectory() as cache:
            result["datasets"] = peer = measure([sys.executable, "-c", PEER, str(args.file), cache])
        result["ratio of CPU seconds, check / datasets"] = round(
            result["check"]["cpu_seconds"] / peer["cpu_seconds"],
            2,  # type: ignore[index]
        )
    print(json.dumps(result, ensure_ascii=False))
    return 0


def measure(command: list[str]) -> dict[str, float]:
    """CPU and wall seconds and the peak memory of a command and its children."""
    began = time.monotonic()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
    code = os.waitstatus_to_exitcode(status)
    if code:
        raise SystemExit(f"{' '.join(command)} ended with {code}")
    found = {
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 2),
        "wall_seconds": round(time.monotonic() - began, 2),
        "peak_mib": round(usage.ru_maxrss / 1024),
    }
    print(f"{' '.join(command[:6])}: {found}", file=sys.stderr)
    return found


def write_rows(path: Path, number: int) -> None:
    """Write `number` rows."""
    with path.open("w", encoding="utf-8") as stream:
        for row in rows(number):
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")


def rows(number: int) -> Iterator[dict[str, str]]:
    """Questions and answers of law, by chance from a fixed seed."""
    chance = random.Random(0)
    last: dict[str, str] = {}
    for count in range(number):
        kind = chance.random()
        if kind < 0.01 and last:
            yield last
            continue
        question = _question(chance, count)
        answer = _answer(chance)
        if kind < 0.02 and last:
            question = last["input"]
        elif kind < 0.03:
            answer = "很抱歉，作为人工智能，我无法提供法律意见。"
        elif kind < 0.04:
            answer = answer.replace("第五百七十七条", "第X条")
        elif kind < 0.05:
            answer = answer * 12
        last = {"input": question, "output": answer}
        yield last


def _question(chance: random.Random, count: int) -> str:
    facts = "，".join(chance.sample(FACTS, 2))
    return f"{chance.choice(ASKERS)}在{chance.choice(SUBJECTS)}纠纷（编号{count}）中{facts}，{chance.choice(WISHES)}？"


def _answer(chance: random.Random) -> str:
    steps = "；".join(chance.sample(STEPS, chance.randint(3, 6)))
    return f"根据{chance.choice(BASES)}的规定，{chance.choice(SUBJECTS)}中的违约方应当承担相应责任。建议您{steps}。以上意见供参考，涉及金额{chance.randint(1, 999)}元。"


if __name__ == "__main__":
    sys.exit(main())
