"""A config with its encoded rows in, the memory plan of the run out, and a warning if it exceeds what is free."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from loralab.config.schema import Config
from loralab.engine.base import budget_tokens, recomputes
from loralab.engine.self_check import choose_rows
from loralab.model.activations import WIDE, Kind, MicroBatch
from loralab.model.free_memory import usable_bytes
from loralab.model.load import pick_device, pick_dtype
from loralab.model.memory_plan import (
    Answering,
    Demand,
    MemoryPlan,
    copies_within,
    fitting_tokens,
    knobs,
    plan_memory,
)
from loralab.model.shape import ModelShape, read_shape
from loralab.model.weights import weight_files
from loralab.train.environment import cpu_features
from loralab.train.order import plan_steps
from loralab.train.prepare import Prepared
from loralab.words import Words, say

LOOKED_AT = 2_000  # steps whose micro-batches are laid out to find the largest
COPIES_SHARE = 0.5  # of the free memory: copies that make products faster leave the rest to others
GIB = 1 << 30


@dataclass(frozen=True)
class MemoryNeed:
    """What a run needs, and what there is; `free_bytes` is None where the system does not tell.

    `budget_tokens` are those of a micro-batch of the fast engine: `asked_tokens`, or fewer, so that training fits.
    """

    shape: ModelShape
    demand: Demand
    plan: MemoryPlan
    free_bytes: int | None
    fast_is_known: bool
    asked_tokens: int
    budget_tokens: int

    @property
    def fits(self) -> bool | None:
        """Whether the plan is within what is free; None if that is not known."""
        return None if self.free_bytes is None else self.plan.total_bytes <= self.free_bytes

    @property
    def knobs(self) -> list[tuple[str, int]]:
        """Settings that need less, with the bytes that each frees."""
        return knobs(self.shape, self.demand, self.fast_is_known)


def memory_need(
    config: Config,
    folder: Path,
    prepared: Prepared,
    arrangement: tuple[int, int] | None = None,
    processes: int = 1,
    shards: int = 1,
) -> MemoryNeed | Words:
    """The plan of a run whose rows are encoded, or why there is none. No weights are read.

    How the fast engine arranges its work follows from what is free, or is given: tokens of a micro-batch, and copies
    of the matrices. Each of several `processes` on this machine is reckoned with its part of the memory; `shards`: over
    how many processes, on any machine, the weights are split.
    """
    shape = read_shape(folder)
    if isinstance(shape, Words):
        return shape
    unknown = [t for t in config.lora.targets if t not in shape.projections]
    if unknown:
        return say("memory is not planned for adapters of {names}", names=", ".join(unknown))
    if not len(prepared.epoch) or not prepared.report.tokens:
        return say("there are no training rows with tokens")
    device = find_device()
    fast_is_known = _is_fast(device)
    fast_is_known = fast_is_known and config.model.dtype != "nf4" and config.model.device_map is None
    engine = "fast" if fast_is_known and config.train.engine != "plain" else "plain"
    asked, free = budget_tokens(config, device), _free(config, device, processes)
    budget, copies = arrangement or (asked, 0)
    demand = _demand(config, folder, prepared, (engine, budget), device)
    demand = replace(demand, copies=copies, shards=shards)
    if engine == "fast" and free is not None and arrangement is None:
        fitting = fitting_tokens(shape, demand, free)
        if fitting < demand.batch.tokens:
            budget = fitting
            demand = replace(_demand(config, folder, prepared, (engine, budget), device), shards=shards)
        if copies_pay(device, demand.kind.base_bytes) and shards == 1:
            demand = replace(demand, copies=copies_within(shape, demand, int(COPIES_SHARE * free)))
    return MemoryNeed(shape, demand, plan_memory(shape, demand), free, fast_is_known, asked, budget)


def copies_pay(device: str, base_bytes: int) -> bool:
    """Whether products with copies of the matrices in oneDNN's own layout are clearly faster.

    With AVX-512 they were in a prototype; with AVX2 alone no gain was measured over products in place.
    """
    return device == "cpu" and base_bytes == WIDE and "avx512f" in cpu_features()


def find_device() -> str:
    """cuda, mps or cpu; torch is not asked where there can be no other."""
    return pick_device() if Path("/dev/nvidiactl").exists() or sys.platform != "linux" else "cpu"


def _free(config: Config, device: str, processes: int) -> int | None:
    """What the run may use; a base that lies on several GPUs may use all of them."""
    if config.model.device_map is not None and device == "cuda":
        return gpus_free_bytes()
    return _part_of(free_bytes(device), device, processes)


def gpus_free_bytes() -> int:
    """What is free on all GPUs together."""
    import torch

    return sum(int(torch.cuda.mem_get_info(index)[0]) for index in range(torch.cuda.device_count()))


def _part_of(free: int | None, device: str, processes: int) -> int | None:
    """What each of several processes may use: of one machine's memory a part, on CUDA all of its own device."""
    return free if free is None or device == "cuda" else free // processes


def free_bytes(device: str) -> int | None:
    """What this process may use of the device's memory; None where that is not known."""
    if device != "cuda":
        return usable_bytes()
    import torch

    return int(torch.cuda.mem_get_info()[0])


def _is_fast(device: str) -> bool:
    """Whether the fast engine works there; it knows every family that memory is planned for."""
    from loralab.engine.fast.support import DEVICES

    return device in DEVICES


def _demand(
    config: Config, folder: Path, prepared: Prepared, engine_and_budget: tuple[str, int], device: str
) -> Demand:
    engine, budget = engine_and_budget
    base_bytes = 4 if pick_dtype(config.model.dtype, device) == "float32" else 2
    kind = Kind(
        engine, base_bytes, config.lora.rank, config.lora.targets, bool(config.lora.dropout),
        recomputes(config.train.recompute, device),
    )  # fmt: skip
    lengths, labels = _lengths(prepared)
    check = _check(config, prepared) if engine == "fast" else None
    files = sum(path.stat().st_size for path in weight_files(folder) if path.is_file())
    batch = _largest(config, lengths, labels, engine, budget)
    return Demand(
        kind, device, batch, _answering(config, prepared), check, files, is_nf4=config.model.dtype == "nf4"
    )


def _lengths(prepared: Prepared) -> tuple[list[int], list[int]]:
    """Tokens and label tokens of each training row of an epoch, cut as they are trained on."""
    store, limit = prepared.encoded.store, prepared.encoded.limit
    assert store is not None
    index = prepared.epoch.index
    lengths = [min(int(n), limit) for n in store.lengths[index]]
    return lengths, [int(n) for n in store.labels_within(limit)[index]]


def _largest(
    config: Config, lengths: Sequence[int], labels: Sequence[int], engine: str, budget: int
) -> MicroBatch:
    """The micro-batch with the most tokens among those of the first steps, padding included."""
    order = plan_steps(len(lengths), config.train)
    best = MicroBatch(1, 1, 1)
    for step in range(1, min(order.total_steps, LOOKED_AT) + 1):
        for group in _groups(config, [(lengths[i], labels[i]) for i in order.rows_of(step)], engine, budget):
            longest = max(length for length, _ in group)
            padded = longest * len(group) if engine == "plain" else sum(length for length, _ in group)
            if padded > best.tokens:
                best = MicroBatch(len(group), padded, max(1, sum(n for _, n in group)))
    return best


def _groups(
    config: Config, rows: Sequence[tuple[int, int]], engine: str, budget: int
) -> Iterator[Sequence[tuple[int, int]]]:
    if engine == "fast":
        from loralab.engine.fast.arrange import fullest

        for places in fullest([length for length, _ in rows], budget):
            yield [rows[i] for i in places]
        return
    for start in range(0, len(rows), config.train.batch_rows):
        yield rows[start : start + config.train.batch_rows]


def _check(config: Config, prepared: Prepared) -> MicroBatch:
    """The longest of the rows on which the fast engine will be checked; the plain one takes one at a time."""
    rows = prepared.token_rows(prepared.epoch)
    chosen = choose_rows([rows[i] for i in plan_steps(len(rows), config.train).rows_of(1)])
    longest = max(chosen, key=lambda row: len(row.encoded.ids)).encoded
    return MicroBatch(1, len(longest.ids), max(1, sum(longest.trained)))


def _answering(config: Config, prepared: Prepared) -> Answering:
    """A batch of questions as long as the longest prompt of a row; the row's own answer is not part of it."""
    store = prepared.encoded.store
    assert store is not None
    rows = prepared.kept.index
    prompts = store.lengths[rows] - store.labels[rows]
    longest = int(prompts.max(initial=1))
    return Answering(config.evaluate.batch_rows, max(1, longest), config.evaluate.max_new_tokens)


def warning_of(need: MemoryNeed | Words) -> Words | None:
    """What to say before weights are loaded if the plan exceeds what is free; an estimate refuses nothing."""
    if isinstance(need, Words) or need.free_bytes is None or need.fits:
        return None
    return say(
        "this run may need {need:.2f} GiB of memory ({phase}), {free:.2f} GiB are free; what needs less: {knobs}",
        need=need.plan.total_bytes / GIB, phase=need.plan.largest.name, free=need.free_bytes / GIB,
        knobs="; ".join(f"{text} ({freed / GIB:.2f} GiB)" for text, freed in need.knobs) or "-",
    )  # fmt: skip


def peak_estimate(
    config: Config, folder: Path, prepared: Prepared, engine: str, arrangement: tuple[int, int] | None,
    shards: int = 1,
) -> int | None:  # fmt: skip
    """The peak in bytes of a run on the engine that it got, for its record; None where there is no plan."""
    name: Literal["fast", "plain"] = "fast" if engine == "fast" else "plain"
    config = replace(config, train=replace(config.train, engine=name))
    need = memory_need(config, folder, prepared, arrangement, shards=shards)
    return None if isinstance(need, Words) else need.plan.total_bytes


def need_document(need: MemoryNeed | Words) -> dict[str, Any]:
    """The need as JSON, or the reason why there is none."""
    if isinstance(need, Words):
        return {"reason": str(need)}
    batch = need.demand.batch
    return {
        "device": need.demand.device, "engine": need.demand.kind.engine, "total_bytes": need.plan.total_bytes,
        "free_bytes": need.free_bytes, "fits": need.fits, "budget_tokens": need.budget_tokens, "copies": need.demand.copies,
        "micro_batch": {"rows": batch.rows, "tokens": batch.tokens, "labels": batch.labels},
        "phases": [
            {
                "name": str(phase.name), "bytes": phase.bytes,
                "parts": [{"name": str(p.name), "bytes": p.bytes, "how": str(p.how)} for p in phase.parts],
            }
            for phase in need.plan.phases
        ],
        "knobs": [{"setting": text, "freed_bytes": freed} for text, freed in need.knobs],
    }  # fmt: skip
