"""A plan adds up, asks for more where more is asked, and its knobs free what they say."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loralab.config.schema import Projections
from loralab.model.activations import Kind, MicroBatch
from loralab.model.memory_plan import Answering, Demand, copies_within, fitting_tokens, knobs, plan_memory
from loralab.model.shape import ModelShape

SHAPE = ModelShape(6, 256, 8, 2, 32, 700, 5000, True)
kinds = st.builds(
    Kind, st.sampled_from(["fast", "plain"]), st.sampled_from([2, 4]), st.integers(1, 64),
    st.just(Projections), st.booleans(), st.booleans(),
)  # fmt: skip
batches = st.builds(MicroBatch, st.integers(1, 4), st.integers(64, 2048), st.integers(1, 64))
demands = st.builds(
    Demand, kinds, st.sampled_from(["cpu", "cuda"]), batches,
    st.builds(Answering, st.integers(1, 8), st.integers(1, 400), st.integers(1, 512)),
    st.none() | batches, st.integers(0, 1 << 30),
)  # fmt: skip


@settings(max_examples=40)
@given(demands)
def test_no_part_is_negative_and_the_largest_phase_counts(demand: Demand) -> None:
    plan = plan_memory(SHAPE, demand)
    assert all(part.bytes >= 0 for phase in plan.phases for part in phase.parts)
    assert plan.total_bytes == max(sum(part.bytes for part in phase.parts) for phase in plan.phases)


@settings(max_examples=40)
@given(demands, st.integers(2, 4))
def test_more_is_never_less(demand: Demand, times: int) -> None:
    total = plan_memory(SHAPE, demand).total_bytes
    batch, kind = demand.batch, demand.kind
    more = [
        replace(demand, batch=replace(batch, tokens=batch.tokens * times)),
        replace(demand, batch=replace(batch, labels=batch.labels * times)),
        replace(demand, kind=replace(kind, rank=kind.rank * times)),
        replace(demand, file_bytes=1 << 34),
    ]
    assert all(plan_memory(SHAPE, other).total_bytes >= total for other in more)
    assert plan_memory(replace(SHAPE, layers=SHAPE.layers * times), demand).total_bytes > total


@settings(max_examples=40)
@given(demands)
def test_knobs_free_something_and_less_than_all(demand: Demand) -> None:
    found = knobs(SHAPE, demand, fast_is_known=True)
    assert all(0 < freed < plan_memory(SHAPE, demand).total_bytes for _, freed in found)
    assert [freed for _, freed in found] == sorted((freed for _, freed in found), reverse=True)
    assert "train.engine=fast" not in dict(found) or demand.kind.engine == "plain"
    assert "train.recompute=on" not in dict(found) or not demand.kind.recompute


@settings(max_examples=40)
@given(demands, st.floats(0.5, 1.5))
def test_training_with_the_micro_batch_that_is_chosen_fits(demand: Demand, share: float) -> None:
    free = int(share * plan_memory(SHAPE, demand).phases[0].bytes)
    tokens = fitting_tokens(SHAPE, demand, free)
    if share >= 1:
        assert tokens == demand.batch.tokens
    assert min(256, demand.batch.tokens) <= tokens <= demand.batch.tokens
    if tokens > 256:
        batch, by = demand.batch, tokens / demand.batch.tokens
        less = MicroBatch(max(1, round(batch.rows * by)), tokens, max(1, int(batch.labels * by)))
        assert plan_memory(SHAPE, replace(demand, batch=less)).phases[0].bytes <= free


def test_copies_of_the_matrices_are_held_where_they_fit() -> None:
    demand = Demand(
        Kind("fast", 4, 8, Projections, True, False), "cpu", MicroBatch(1, 64, 8), Answering(1, 1, 1)
    )
    sizes = [plan_memory(SHAPE, replace(demand, copies=n)).total_bytes for n in range(3)]
    matrices = SHAPE.parameters - SHAPE.width * (2 * SHAPE.layers + 1)
    head = SHAPE.width * SHAPE.vocabulary  # of which there is one copy in any case
    assert [b - a for a, b in pairwise(sizes)] == [4 * matrices, 4 * (matrices - head)]
    found = [copies_within(SHAPE, demand, size + more) for size in sizes for more in (-1, 0)]
    assert found == [0, 0, 0, 1, 1, 2]
    with_copies, without = (plan_memory(SHAPE, replace(demand, copies=n)).phases[1] for n in (2, 0))
    assert str(without.name) == "loading" and with_copies == without


def test_an_engine_that_is_not_known_is_no_advice() -> None:
    kind = Kind("plain", 4, 8, Projections, True, False)
    demand = Demand(kind, "cpu", MicroBatch(4, 1536, 700), Answering(1, 1, 1))
    assert "train.engine=fast" in dict(knobs(SHAPE, demand, fast_is_known=True))
    assert "train.engine=fast" not in dict(knobs(SHAPE, demand, fast_is_known=False))


# What was measured, with bench/memory.py or in the same way, on SmolLM2-135M and Qwen2.5-0.5B, rank 64, dropout 0.1, half of
# the tokens with a loss (MiB).
SMOL = ModelShape(30, 576, 9, 3, 64, 1536, 49152, True)
QWEN = ModelShape(24, 896, 14, 2, 64, 4864, 151936, True, layer_extras=1152)


@pytest.mark.parametrize(
    ("model", "engine", "rows", "tokens", "recompute", "measured"),
    [
        (SMOL, "fast", 1, 512, False, 1683), (SMOL, "fast", 2, 1024, False, 2293), (SMOL, "fast", 1, 512, True, 1345),
        (SMOL, "fast", 1, 512, True, 1523), (SMOL, "fast", 1, 512, True, 1581), (SMOL, "plain", 2, 512, False, 3626),
        (SMOL, "plain", 2, 512, True, 2523), (QWEN, "fast", 1, 384, False, 3534), (QWEN, "fast", 2, 640, False, 3924),
        (QWEN, "fast", 2, 640, True, 3623), (QWEN, "plain", 2, 512, False, 8363),
    ],
)  # fmt: skip
def test_plans_are_near_what_was_measured(
    model: ModelShape, engine: str, rows: int, tokens: int, recompute: bool, measured: int
) -> None:
    kind = Kind(engine, 4, 64, Projections, True, recompute)
    demand = Demand(kind, "cpu", MicroBatch(rows, tokens, tokens // 2), Answering(1, 1, 1))
    assert plan_memory(model, demand).phases[0].bytes / (1 << 20) == pytest.approx(measured, rel=0.15)
