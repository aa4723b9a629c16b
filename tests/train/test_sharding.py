"""Whether the base is split: as the config says, as the run began, else by the memory of one process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loralab.config.schema import Projections
from loralab.errors import UsageError
from loralab.model.activations import Kind, MicroBatch
from loralab.model.memory_plan import Answering, Demand, lies_whole, plan_memory, whole_bytes
from loralab.model.shape import ModelShape
from loralab.run.files import write_json
from loralab.run.folder import RunFolder
from loralab.run.view import Run
from loralab.train.memory_need import MemoryNeed
from loralab.train.sharding import Sharding, choose_sharding, refuse_unsplittable
from loralab.words import say

GB = 10**9
# Qwen2.5-14B
LARGE = ModelShape(48, 5120, 40, 8, 128, 13824, 152064, False, 7168)
TRAINED = Kind("fast", 2, 64, Projections, True, True)
DEMAND = Demand(TRAINED, "cuda", MicroBatch(4, 4096, 1024), Answering(8, 256, 512), file_bytes=29 * GB)


def need(free_bytes: int | None, demand: Demand = DEMAND) -> MemoryNeed:
    plan = plan_memory(LARGE, demand)
    return MemoryNeed(LARGE, demand, plan, free_bytes, True, 4096, 4096)


def a_run(folder: Path, **manifest: Any) -> Run:
    found = RunFolder(folder)
    write_json(found.manifest, {"format": 1, "ranks": {"world_size": 4}, **manifest})
    return Run(found)


@pytest.mark.parametrize(("card", "split"), [(24, True), (40, True), (48, False), (80, False)])
def test_auto_splits_where_a_card_is_too_small(
    quick_config: Callable[..., Any], tmp_path: Path, card: int, split: bool
) -> None:
    """29.5 GB of weights, 4.4 GB of adapter and optimizer, 2.0 GB of inputs and a reserve of 4 GB."""
    assert whole_bytes(LARGE, DEMAND) == pytest.approx(39.9 * GB, rel=0.01)
    found = choose_sharding(a_run(tmp_path), quick_config(), need(card * GB), 4)
    assert (found.is_split, found.over) == (split, 4 if split else 1)
    assert f"{card * GB / 2**30:.2f} GiB" in str(found.reason)
    assert lies_whole(LARGE, DEMAND, card * GB) is not split


def test_what_the_config_says_goes_first_then_how_the_run_began(
    quick_config: Callable[..., Any], tmp_path: Path
) -> None:
    fsdp, none, auto = (quick_config(f"model.shard={value}") for value in ("fsdp", "none", "auto"))
    began = a_run(tmp_path, shard={"mode": "fsdp"})
    assert choose_sharding(began, none, need(GB), 4).facts == {
        "mode": "none", "over": 1, "reason": "model.shard is none",
    }  # fmt: skip
    assert choose_sharding(began, fsdp, need(900 * GB), 3).over == 3
    assert choose_sharding(began, auto, need(900 * GB), 4) == Sharding(4, say("the run began so"))
    assert choose_sharding(began, auto, need(900 * GB), 2).over == 1, "another number of processes: anew"
    assert choose_sharding(began, auto, need(GB), 1).over == 1
    began = a_run(tmp_path, shard={"mode": "none"})
    assert choose_sharding(began, auto, need(GB), 4) == Sharding(1, say("the run began so"))


def test_nothing_is_split_on_a_guess(quick_config: Callable[..., Any], tmp_path: Path) -> None:
    run, auto = a_run(tmp_path), quick_config()
    reasons = [
        str(choose_sharding(run, auto, found, 2).reason) for found in (say("no plan: {x}", x=1), need(None))
    ]
    assert reasons == ["no plan: 1", "how much memory is free is not known here"]
    nf4 = choose_sharding(run, quick_config("model.dtype=nf4"), need(GB), 2)
    assert not nf4.is_split and "4 bits" in str(nf4.words)


def test_a_base_that_is_little_beside_the_rest_stays_whole(
    quick_config: Callable[..., Any], tmp_path: Path
) -> None:
    small = ModelShape(2, 32, 4, 2, 8, 48, 259, True)
    demand = replace(DEMAND, device="cpu")
    tight = MemoryNeed(small, demand, plan_memory(small, demand), 1, True, 4096, 4096)
    found = choose_sharding(a_run(tmp_path), quick_config(), tight, 2)
    assert not found.is_split and "would free little" in str(found.reason)


@given(st.integers(2, 64), st.sampled_from(["cpu", "cuda"]), st.booleans())
def test_more_processes_need_less_each_and_never_less_than_their_part(
    shards: int, device: str, same_format: bool
) -> None:
    size = LARGE.parameters * 2
    demand = replace(DEMAND, device=device, file_bytes=size if same_format else 2 * size)
    whole, split = (
        plan_memory(LARGE, replace(demand, shards=n)).phases[0].parts[1].bytes for n in (1, shards)
    )
    assert whole / shards < split < whole
    less = plan_memory(LARGE, replace(demand, shards=shards + 1)).phases[0].bytes
    assert less < plan_memory(LARGE, replace(demand, shards=shards)).phases[0].bytes


def test_what_cannot_be_split_is_refused(quick_config: Callable[..., Any]) -> None:
    refuse_unsplittable(quick_config("model.shard=fsdp"), 2)
    refuse_unsplittable(quick_config("model.shard=auto"), 1)
    with pytest.raises(UsageError, match=r"next: add --devices N, or set model\.shard=auto"):
        refuse_unsplittable(quick_config("model.shard=fsdp"), 1)
    with pytest.raises(UsageError, match="weights of 4 bits are not split"):
        refuse_unsplittable(quick_config("model.shard=fsdp", "model.dtype=nf4"), 2)
