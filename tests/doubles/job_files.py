"""A folder in, the rows and the config of a run that takes a second or two out."""

from __future__ import annotations

import json
from pathlib import Path

QUESTIONS = [
    "租房到期后房东不退押金怎么办？", "试用期最长可以约定多久？", "借条上没有写利息，可以要利息吗？", "邻居的树枝伸到我家院子？",
    "网购收到假货可以要求几倍赔偿？", "离婚后抚养费付到什么时候？", "公司一直不签书面劳动合同？", "口头遗嘱有效吗？",
]  # fmt: skip


def write_rows(path: Path) -> Path:
    """24 input/output rows of different lengths, as JSON lines."""
    lines = [
        {"input": f"{i}. {QUESTIONS[i % len(QUESTIONS)]}", "output": f"答{i}：" + "依法处理。" * (1 + i % 3)}
        for i in range(24)
    ]
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), "utf-8")
    return path


def write_job(folder: Path, model: Path) -> Path:
    """job.yaml and its rows in a folder: 2 epochs of 5 steps with dropout, 4 stages."""
    rows = write_rows(folder / "rows.jsonl")
    config = folder / "job.yaml"
    config.write_text(
        f"model: {{name: {model}}}\n"
        f"data: {{train: {rows}, test: 4, probes: 2}}\n"
        "lora: {rank: 4, dropout: 0.1}\n"
        "train: {batch_rows: 2, accumulate: 2, learning_rate: 1e-2, save_every_steps: 2, log_every_steps: 1}\n"
        "evaluate: {max_new_tokens: 24, answers: 4, batch_rows: 2, general: false}\n"
        "track: {swanlab: off}\nrun: {name: job}\n",
        "utf-8",
    )
    return config
