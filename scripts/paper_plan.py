"""Shapes of models, cards and the reference job in, the section "Paper plan" of docs/scale.md and docs/scale.zh-CN.md out.

python scripts/paper_plan.py            prints the section
python scripts/paper_plan.py --write    puts it into both pages

Bytes of a device are those of the product's own memory plan. All else is a product or a quotient of what stands below;
change a number and run it again.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from loralab.config.schema import Projections
from loralab.engine.device_dropout import BYTES_MOVED, LAUNCHES, PIECE
from loralab.model.activations import Kind, MicroBatch
from loralab.model.memory_plan import (
    RESERVE_BYTES,
    Answering,
    Demand,
    adapter_numbers,
    lies_whole,
    plan_memory,
)
from loralab.model.shape import ModelShape
from paper_plan_text import TEXTS

DOCS = Path(__file__).parents[1] / "docs"
NAMES = {"en": "scale.md", "zh": "scale.zh-CN.md"}
BEGIN, END = "<!-- made by: python scripts/paper_plan.py --write -->", "<!-- the end of what is made -->"
GIB, GB = 1 << 30, 10**9

# --------------------------------------------------------------------------------------- the reference job
STEP_ROWS, BATCH_ROWS, MAX_TOKENS, STEPS, SAVE_EVERY = 16, 4, 384, 626, 100
MEAN_TOKENS, LABEL_SHARE, PADDED_SHARE = (
    166,
    0.71,
    0.746,
)  # measured: 5,000 rows of a legal QA set, batches of 4
ANSWERS, NEW_TOKENS, ANSWERING_ROWS, ANSWER_STAGES = 49, 512, 16, 3  # 25 questions and 24 general prompts
KIND = Kind("fast", 2, 64, Projections, dropout=True, recompute=True)
SAVES = STEPS // SAVE_EVERY + 2  # and at the end of each epoch
WIDE = 4  # bytes of a number of the adapter
MASKS_MADE = 3  # of each dropout mask in a step: forward, recomputed, backward
MASKS_A_SECOND = (
    800e6  # measured, 700 to 900: numbers of dropout masks that one core makes, see engine/dropout.py
)
KERNEL_BYTES = 1  # that the kernel of masks writes for a number; it reads 24 for a token
KERNEL_CODE = 286  # counted: instructions that Triton 3.9 makes of it for an A100
KERNEL_CODE_NUMBERS = 16  # for so many numbers
INTEGERS_A_SECOND = 108 * 64 * 1.41e9  # V, of an A100: instructions on integers, units x lanes x clock
EMPTY_TASK_SECONDS = 0.06 / 100  # measured: Ray on one machine
GATHERS = 2  # of the base in a micro-batch: one forward, one backward

# ------------------------------------------------------------------ not known before a GPU has run it: assumed
PEAK_SHARE, LINK_SHARE, MEMORY_SHARE = 0.3, 0.6, 0.5
STORAGE_BYTES = 5 * GB  # that a cluster's storage reads or writes in a second


@dataclass(frozen=True)
class Card:
    """A GPU as its vendor describes it: dense bfloat16 operations, own memory, and its link one way, in a second."""

    name: str
    gib: int
    operations: float
    memory_bytes: float
    link: str
    link_bytes: float


RTX_4090 = Card("RTX 4090", 24, 165e12, 1008 * GB, "PCIe 4.0 x16", 32 * GB)
A100_40 = Card("A100", 40, 312e12, 1555 * GB, "NVLink 3", 300 * GB)
H100_80 = Card("H100 SXM", 80, 989e12, 3350 * GB, "NVLink 4", 450 * GB)

QWEN_7B = ModelShape(28, 3584, 28, 4, 128, 18944, 152064, False, layer_extras=3584 + 2 * 512)
QWEN_14B = ModelShape(48, 5120, 40, 8, 128, 13824, 152064, False, layer_extras=5120 + 2 * 1024)
LLAMA_70B = ModelShape(80, 8192, 64, 8, 128, 28672, 128256, False)


@dataclass(frozen=True)
class Plan:
    """A model on some cards of one machine."""

    name: str
    shape: ModelShape
    card: Card
    devices: int

    @property
    def title(self) -> str:
        """Such as `7B on 4 x 24 GB`."""
        return f"{self.name}, {self.devices} x {self.card.gib} GB"


PLANS = (
    Plan("7B", QWEN_7B, RTX_4090, 4), Plan("14B", QWEN_14B, A100_40, 4), Plan("70B", LLAMA_70B, H100_80, 8),
)  # fmt: skip
CELLS, CELL_GPUS, CELL = 1000, 64, Plan("7B", QWEN_7B, A100_40, 1)
PUBLISHED = Plan("7B", QWEN_7B, A100_40, 4)  # in turn
WAYS = ("whole", "split", "turn")


# ------------------------------------------------------------------------------------------------ bytes held


def demand_of(plan: Plan, way: str) -> Demand:
    """What a process asks of its card: its part of a step's rows as one micro-batch, all of them of the greatest length."""
    kind = replace(KIND, engine="plain") if way == "turn" else KIND
    rows = min(STEP_ROWS // (1 if way == "turn" else plan.devices), BATCH_ROWS)
    tokens = rows * MAX_TOKENS
    batch = MicroBatch(rows, tokens, int(tokens * LABEL_SHARE))
    shards = plan.devices if way == "split" else 1
    return Demand(kind, "cuda", batch, Answering(ANSWERING_ROWS, 128, NEW_TOKENS), shards=shards)


def held(plan: Plan, way: str) -> tuple[float, float, float, float, float]:
    """GiB of a card: base, adapter with gradients and optimizer, activations or the cache of answers, the rest, all."""
    phase = plan_memory(plan.shape, demand_of(plan, way)).largest
    sizes = [part.bytes / GIB for part in phase.parts]
    parts = (sizes[1], sum(sizes[2:5]), sizes[5])
    cards = plan.devices if way == "turn" else 1
    rest = phase.bytes / GIB - sum(parts)
    base, state, activations = (part / cards for part in parts)
    return base, state, activations, rest, base + state + activations + rest


def left(plan: Plan, way: str) -> float:
    """GiB that the card has left."""
    return plan.card.gib - held(plan, way)[-1]


def auto_splits(plan: Plan) -> bool:
    """What `model.shard: auto` does where the whole card is free."""
    return not lies_whole(plan.shape, demand_of(plan, "whole"), plan.card.gib * GIB)


# ----------------------------------------------------------------------------------------- work and traffic


def operations_of_token(shape: ModelShape, head_share: float = LABEL_SHARE) -> float:
    """With recomputation: 2 passes over frozen weights forward, 1 back; the head for a share of the tokens."""
    layers = shape.layers * sum(a * b for a, b in shape.projections.values())
    head = shape.vocabulary * shape.width * head_share
    return 6 * layers + 8 * adapter_numbers(shape, KIND) + 4 * head


def compute_seconds(plan: Plan, way: str) -> float:
    """A step on all devices of a plan; in turn it is as long as on one, padded, and the head computes every token."""
    if way == "turn":
        operations = STEP_ROWS * MEAN_TOKENS / PADDED_SHARE * operations_of_token(plan.shape, 1.0)
    else:
        operations = STEP_ROWS * MEAN_TOKENS / plan.devices * operations_of_token(plan.shape)
    return operations / (plan.card.operations * PEAK_SHARE)


def mask_numbers(shape: ModelShape) -> int:
    """Numbers of dropout masks in a step: one for each input of each adapted module."""
    inputs = sum(shape.projections[target][0] for target in KIND.targets)
    return STEP_ROWS * MEAN_TOKENS * shape.layers * inputs


def mask_seconds(plan: Plan, bytes_moved: int) -> float:
    """A step's masks on one of the devices, if its memory is all that takes time."""
    moved = MASKS_MADE * mask_numbers(plan.shape) * bytes_moved / plan.devices
    return moved / (plan.card.memory_bytes * MEMORY_SHARE)


def kernel_seconds(plan: Plan) -> float:
    """The same by the kernel on an A100, if its instructions are all that takes time."""
    instructions = MASKS_MADE * mask_numbers(plan.shape) * KERNEL_CODE / KERNEL_CODE_NUMBERS / plan.devices
    return instructions / (INTEGERS_A_SECOND * PEAK_SHARE)


def sum_bytes(plan: Plan) -> float:
    """What a device sends for the sum of all gradients in a step: a ring passes 2 (N - 1) / N of the vector on."""
    return 2 * (plan.devices - 1) / plan.devices * WIDE * adapter_numbers(plan.shape, KIND)


def gather_bytes(plan: Plan, micro_batches: int = 1) -> float:
    """What a device receives of the base in a step, where the base is split."""
    others = (plan.devices - 1) / plan.devices
    return GATHERS * micro_batches * others * plan.shape.parameters * KIND.base_bytes


def handed_on_bytes(plan: Plan) -> float:
    """What crosses between cards in a step where layers compute in turn: hidden states forward, their gradients back."""
    return 2 * (plan.devices - 1) * STEP_ROWS * MEAN_TOKENS * plan.shape.width * KIND.base_bytes


def step_parts(plan: Plan, way: str) -> tuple[float, float, float]:
    """Bytes on a device's link in a step, seconds for them, and seconds of computing; nothing overlaps."""
    traffic = {
        "whole": sum_bytes(plan), "split": sum_bytes(plan) + gather_bytes(plan), "turn": handed_on_bytes(plan),
    }[way]  # fmt: skip
    return traffic, traffic / (plan.card.link_bytes * LINK_SHARE), compute_seconds(plan, way)


# ------------------------------------------------------------------------------------------------ the study


def checkpoint_bytes(shape: ModelShape) -> int:
    """The adapter and two moments of AdamW."""
    return 3 * WIDE * adapter_numbers(shape, KIND)


def answer_seconds(plan: Plan) -> float:
    """All stages at most: each token of a batch reads the whole base once."""
    batches = math.ceil(ANSWERS / ANSWERING_ROWS) * ANSWER_STAGES
    a_token = plan.shape.parameters * KIND.base_bytes / (plan.card.memory_bytes * MEMORY_SHARE)
    return batches * NEW_TOKENS * a_token


def load_seconds(plan: Plan) -> float:
    """All GPUs begin at once and read the base from the same storage."""
    return CELL_GPUS * plan.shape.parameters * KIND.base_bytes / STORAGE_BYTES


def save_seconds(plan: Plan) -> float:
    """All checkpoints of a cell, each while all GPUs write theirs."""
    return SAVES * CELL_GPUS * checkpoint_bytes(plan.shape) / STORAGE_BYTES


def cell_seconds(plan: Plan) -> dict[str, float]:
    """A cell's time by what it is spent on."""
    return {
        "train": STEPS * compute_seconds(plan, "whole"), "answer": answer_seconds(plan), "load": load_seconds(plan),
        "save": save_seconds(plan),
    }  # fmt: skip


def waves() -> int:
    """How many cells one GPU trains, one after another."""
    return math.ceil(CELLS / CELL_GPUS)


# ------------------------------------------------------------------------------------------------- the page


def section(language: str) -> str:
    """The section as it stands in a page."""
    text = TEXTS[language]
    values = _values(text)
    parts = [
        text["head"], _held_table(text), text["held_foot"], _step_table(text, values), text["step_foot"],
        _study_table(text, values), text["study_foot"],
    ]  # fmt: skip
    return "\n\n".join(part.format(**values) for part in parts)


def _held_table(text: dict[str, Any]) -> str:
    rows = []
    for plan in PLANS:
        for way in WAYS:
            chosen = way != "turn" and auto_splits(plan) == (way == "split")
            numbers = [f"{n:.2f}" for n in held(plan, way)]
            row = (
                plan.title,
                text["way"][way],
                *numbers,
                f"{left(plan, way):+.1f}",
                text["yes" if chosen else "no"],
            )
            rows.append(row)
    return _table(text["held"], rows)


def _step_table(text: dict[str, Any], values: dict[str, Any]) -> str:
    rows = [_step_row(plan, way, text) for plan in PLANS for way in WAYS]
    return _table([cell.format(**values) for cell in text["step"]], rows)


def _step_row(plan: Plan, way: str, text: dict[str, Any]) -> tuple[str, ...]:
    head = (plan.title, text["way"][way])
    if left(plan, way) < 0:
        return *head, text["full"], *[""] * 7
    traffic, wire, compute = step_parts(plan, way)
    hours = STEPS * (wire + compute) / 3600
    return (
        *head, f"{traffic / GB:.2f}", plan.card.link, f"{wire:.2f}", f"{compute:.2f}", f"{wire + compute:.2f}",
        text["wire" if wire > compute else "compute"], f"{hours:.2f}", f"{hours * plan.devices:.1f}",
    )  # fmt: skip


def _study_table(text: dict[str, Any], values: dict[str, Any]) -> str:
    rows = [tuple(cell.format(**values) for cell in row) for row in text["study_rows"].values()]
    return _table(text["study"], rows)


def _values(text: dict[str, Any]) -> dict[str, Any]:
    """What the sentences name."""
    parts = cell_seconds(CELL)
    order = sorted(parts, key=lambda name: -parts[name])
    wall = waves() * sum(parts.values()) / 3600
    checkpoint = checkpoint_bytes(CELL.shape)
    adapter = WIDE * adapter_numbers(CELL.shape, KIND)
    cards = {plan.card.name: plan.card for plan in PLANS}.values()
    return {
        "rank": KIND.rank, "rows": STEP_ROWS, "most": MAX_TOKENS, "steps": STEPS, "mean": MEAN_TOKENS,
        "share": LABEL_SHARE, "peak": PEAK_SHARE, "link": LINK_SHARE, "memory": MEMORY_SHARE, "gathers": GATHERS,
        "peaks": ", ".join(f"{c.name} {c.operations / 1e12:.0f} TFLOPS" for c in cards),
        "links": ", ".join(f"{c.link} {c.link_bytes / GB:.0f} GB/s" for c in cards),
        "cells": f"{CELLS:,}", "gpus": CELL_GPUS, "model": CELL.name, "card": CELL.card.gib, "name": CELL.card.name,
        "waves": waves(), **{name: seconds / 3600 for name, seconds in parts.items()},
        "stages": ANSWER_STAGES, "batches": math.ceil(ANSWERS / ANSWERING_ROWS), "new": NEW_TOKENS,
        "bandwidth": f"{CELL.card.memory_bytes / GB:.0f}", "base": CELL.shape.parameters * KIND.base_bytes / GB,
        "storage": STORAGE_BYTES // GB, "saves": SAVES, "checkpoint": checkpoint / GB, "adapter": adapter / GB,
        "wall": wall, "hours": wall * CELL_GPUS, "used": CELLS / (waves() * CELL_GPUS),
        "disk_all": CELLS * (adapter + SAVES * checkpoint) / 1e12, "disk_few": CELLS * (adapter + 2 * checkpoint) / 1e12,
        "lost": SAVE_EVERY * compute_seconds(CELL, "whole") / 60, "every": SAVE_EVERY,
        "padding": PADDED_SHARE, "queue": CELLS * EMPTY_TASK_SECONDS, **_mask_values(),
        "reserve": RESERVE_BYTES // GB, "answering": ANSWERING_ROWS,
        "published": STEPS * sum(step_parts(PUBLISHED, "turn")[1:]) / 60,
        "first": text["names"][order[0]], "second": text["names"][order[1]],
    }  # fmt: skip


def _mask_values() -> dict[str, Any]:
    """What dropout masks of a step take on the card of a cell, and took on a CPU."""
    numbers = mask_numbers(CELL.shape)
    made = MASKS_MADE * numbers
    memory, code = mask_seconds(CELL, KERNEL_BYTES), kernel_seconds(CELL)
    return {
        "masks": numbers / 1e9, "made": MASKS_MADE, "moved": BYTES_MOVED, "moved_all": made * BYTES_MOVED / 1e12,
        "mask_seconds": mask_seconds(CELL, BYTES_MOVED), "compute_seconds": compute_seconds(CELL, "whole"),
        "launches": made / PIECE * LAUNCHES / 1e3, "piece": PIECE / 1e6,
        "kernel_bytes": KERNEL_BYTES, "kernel_all": made * KERNEL_BYTES / GB, "kernel_memory": memory, "kernel_code": code,
        "kernel_seconds": max(memory, code), "instructions": KERNEL_CODE / KERNEL_CODE_NUMBERS,
        "code": KERNEL_CODE, "code_numbers": KERNEL_CODE_NUMBERS, "integers": INTEGERS_A_SECOND / 1e12,
        "kernel_launches": MASKS_MADE * CELL.shape.layers * len(KIND.targets),
        "rate": MASKS_A_SECOND / 1e6, "core_seconds": made / MASKS_A_SECOND, "copied": made / GB,
    }  # fmt: skip


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def pages() -> dict[Path, str]:
    """The text of each page with the section in its place."""
    found = {}
    for language, name in NAMES.items():
        before, _, rest = (DOCS / name).read_text("utf-8").partition(f"{BEGIN}\n")
        after = rest.partition(f"{END}\n")[2]
        found[DOCS / name] = f"{before}{BEGIN}\n{section(language)}\n{END}\n{after}"
    return found


def main() -> None:
    """Print the section, or write it into the pages."""
    if "--write" in sys.argv[1:]:
        for path, text in pages().items():
            path.write_text(text, "utf-8")
    else:
        print(section("en"))


if __name__ == "__main__":
    main()
