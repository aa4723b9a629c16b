"""A base that is split: whole where it is asked for, a part in between, and the numbers of the base as it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from doubles.families import make_base
from loralab.errors import ResourceError, UsageError
from loralab.model.shard import Pass, Sharded, Whole, base_bytes, shard_base
from loralab.model.shard_units import EMBEDDING, HEAD, Key

WORLD = 3


@dataclass
class Played:
    """One of several processes; the parts of the others are found in `shards`, which are made of the same base."""

    rank: int
    shards: list[Sharded]
    calls: list[Pass] = field(default_factory=list)
    taken: list[Key] = field(default_factory=list)
    world: int = WORLD

    def all_gather(self, full: Any, part: Any) -> None:
        import torch

        units = self.shards[self.rank].units
        key = next(key for key, unit in units.items() if unit.full is full)
        assert part is units[key].part
        full.copy_(torch.cat([shard.units[key].part for shard in self.shards]))
        self.taken.append(key)

    def call(self, kind: Pass) -> None:
        self.calls.append(kind)


@dataclass(frozen=True)
class Split:
    """A base as rank 1 has it, and that base whole."""

    base: Any
    shard: Sharded
    sharing: Played
    whole: Any


def split(make: Callable[[], Any]) -> Split:
    shards: list[Sharded] = []
    bases = [make() for _ in range(WORLD)]
    sharings = [Played(rank, shards) for rank in range(WORLD)]
    for base, sharing in zip(bases, sharings, strict=True):
        shards.append(shard_base(base, sharing, "cpu"))
    return Split(bases[1], shards[1], sharings[1], make())


def mixed() -> Any:
    """Weights of two number formats, as where norms are in float32."""
    base = make_base("llama-biases", "bfloat16")
    for layer in base.model.layers:
        layer.input_layernorm.float()
    return base


@pytest.mark.parametrize("make", [lambda: make_base("qwen2"), lambda: make_base("qwen3"), mixed])
def test_each_unit_is_the_base_as_it_was_while_it_is_held(make: Callable[[], Any]) -> None:
    found = split(make)
    expected = dict(found.whole.named_parameters())
    seen = {"model.norm.weight"}
    with found.shard.one_pass("forward"):
        for key, prefix in (
            (EMBEDDING, "model.embed"),
            (0, "model.layers.0."),
            (1, "model.layers.1."),
            (HEAD, "lm_head"),
        ):
            found.shard.hold(key)
            for name, weight in found.base.named_parameters():
                if name.startswith(prefix):
                    assert bool((weight == expected[name]).all()) and weight.dtype == expected[name].dtype, (
                        name
                    )
                    seen.add(name)
    assert seen >= set(expected) - {name for name in expected if name.startswith("model.layers.2.")}
    assert found.sharing.calls == ["forward"]


@pytest.mark.parametrize("family", ["qwen2", "qwen3"])
def test_between_passes_a_process_holds_its_part(family: str) -> None:
    found = split(lambda: make_base(family))
    whole, norm = base_bytes(found.whole, Whole()), found.base.model.norm.weight.nbytes
    with found.shard.one_pass("train"):
        found.shard.hold(0)
        assert base_bytes(found.base, found.shard) > whole / WORLD
    held = base_bytes(found.base, found.shard)
    assert held - norm == pytest.approx((whole - norm) / WORLD, rel=0.02), "norms are padded to 64 bytes"


def gpt2() -> Any:
    """Layers and embeddings of other names; one embedding is in no unit, and stays whole."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    with torch.random.fork_rng():
        torch.manual_seed(0)
        settings = GPT2Config(
            vocab_size=50, n_positions=32, n_embd=16, n_layer=2, n_head=2,
            resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
        )  # fmt: skip
        return GPT2LMHeadModel(settings).requires_grad_(False).eval()


def gradients(base: Any, shard: Whole | Sharded, recompute: bool) -> tuple[Any, list[Any]]:
    """Logits, and the gradients of numbers that are added after each layer."""
    import torch

    layers = base.model.layers if hasattr(base, "model") else base.transformer.h
    embedding = base.get_input_embeddings().weight
    width = (embedding.shape[1],)
    more = [torch.full(width, 0.01, dtype=embedding.dtype, requires_grad=True) for _ in layers]
    for layer, number in zip(layers, more, strict=True):
        mlp = layer.mlp.down_proj if hasattr(layer.mlp, "down_proj") else layer.mlp.c_proj
        mlp.register_forward_hook(lambda module, inputs, output, number=number: output + number)
    if recompute:
        base.activation_checkpointing_enable({"use_reentrant": False})
    base.train()
    with shard.one_pass("train"):
        logits = base(input_ids=torch.arange(12).view(2, 6), use_cache=False).logits
        logits.float().logsumexp(-1).sum().backward()
    return logits.detach(), [number.grad for number in more]


@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize("make", [lambda: make_base("qwen2"), lambda: make_base("llama", "bfloat16"), gpt2])
def test_a_pass_forward_and_back_has_the_numbers_of_the_whole_base(
    make: Callable[[], Any], recompute: bool
) -> None:
    import torch

    found = split(make)
    expected = gradients(found.whole, Whole(), recompute)
    logits, grads = gradients(found.base, found.shard, recompute)
    assert torch.equal(logits, expected[0])
    assert all(map(torch.equal, grads, expected[1]))
    layers = [key for key in found.shard.units if isinstance(key, int)]
    head = EMBEDDING if found.shard.units[HEAD] is found.shard.units[EMBEDDING] else HEAD
    assert found.sharing.taken == [EMBEDDING, *layers, head, *layers[::-1]]


def test_who_computes_nothing_takes_the_same_units() -> None:
    found = split(lambda: make_base("qwen3"))
    for kind in ("forward", "train"):
        found.sharing.taken.clear()
        found.shard.accompany(kind)
        idle = list(found.sharing.taken)
        found.sharing.taken.clear()
        with found.shard.one_pass(kind):
            found.shard.hold(1)  # one that leaves a layer out, or ends early, brings its part all the same
        assert found.sharing.taken == idle and len(idle) == (5 if kind == "forward" else 8)


def test_another_order_is_refused_before_a_part_is_brought() -> None:
    found = split(lambda: make_base("qwen3"))
    with (
        pytest.raises(UsageError, match="does not go through its layers once"),
        found.shard.one_pass("forward"),
    ):
        found.shard.hold(1)
        found.shard.hold(0)
    assert found.sharing.taken == [EMBEDDING, 0, 1]


def test_layers_that_share_weights_are_refused() -> None:
    base = make_base("llama")
    base.model.layers[1].mlp = base.model.layers[0].mlp
    with pytest.raises(UsageError, match="its layers share weights"):
        shard_base(base, Played(0, []), "cpu")


def test_a_model_without_a_list_of_layers_is_refused() -> None:
    base = make_base("llama")
    base.model.layers = base.model.layers[0]
    with pytest.raises(UsageError, match="no list of layers"):
        shard_base(base, Played(0, []), "cpu")


@pytest.mark.parametrize("error", [RuntimeError, MemoryError])
def test_a_pass_that_is_broken_off_is_ended_for_the_others(error: type[Exception]) -> None:
    found = split(lambda: make_base("qwen2"))
    with pytest.raises(error, match="odd"), found.shard.one_pass("train"):
        found.shard.hold(1)
        raise error("odd")
    assert len(found.sharing.taken) == 6
    with found.shard.one_pass("forward"):
        found.shard.hold(0)
    assert len(found.sharing.taken) == 10


def test_memory_that_does_not_suffice_to_end_a_pass_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    found = split(lambda: make_base("qwen2"))

    def full(full: Any, part: Any) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(found.sharing, "all_gather", full)
    with pytest.raises(ResourceError, match="in the middle of a pass"), found.shard.one_pass("train"):
        found.shard.hold(0)


def test_weights_outside_of_a_pass_are_not_there() -> None:
    found = split(lambda: make_base("qwen2"))
    with pytest.raises(AssertionError, match="outside of a pass"):
        found.shard.hold(0)
