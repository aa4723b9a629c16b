"""`model.device_map`: what fits a model and a machine, and what is refused before weights are read.

Two real devices are not needed for most of it: a CPU also answers to the names cpu:0 and cpu:1, so that the hooks of
accelerate are there. What GPUs alone show is not tested.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doubles.two_devices import SPLIT, take_names_for_devices
from loralab.config.schema import Config, ModelConfig
from loralab.errors import ResourceError, UsageError
from loralab.model import placement
from loralab.model.load import check_architecture, load_base, load_tuned
from loralab.model.placement import (
    asked_of_accelerate,
    check_parts,
    place_of,
    placement_words,
    places_of,
    refuse_placement,
    refuse_sharing,
    settle,
)

PARTS = ("model.embed_tokens", "model.layers.0", "model.layers.1", "model.norm", "lm_head")


def laid(places: Any) -> ModelConfig:
    return ModelConfig(name="m", device_map=places)


@pytest.fixture(scope="module")
def bare(tiny_model: Path) -> Any:
    """The tiny model's modules without numbers."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(tiny_model))


# ------------------------------------------------------------------------------------- config and machine


@pytest.mark.parametrize(
    ("places", "device", "said"),
    [
        ("auto", "mps", "not for mps"),
        ({"": "disk"}, "cpu", r'puts "" on disk\n.*an adapter on them would hold no numbers'),
        ({"a": "cuda:0", "b": "cpu"}, "cuda", r"puts b on cpu\n"),
        ({"a": "cuda:0", "b": "disk"}, "cuda", r"puts b on disk\n"),
        ({"a": "cuda:0", "b": "cuda:2"}, "cuda", "puts b on cuda:2, which this machine does not have"),
        ({"a": "cuda:0"}, "cpu", "puts a on cuda:0, which this machine does not have"),
    ],
)
def test_what_a_machine_cannot_give_is_refused(
    monkeypatch: pytest.MonkeyPatch, places: Any, device: str, said: str
) -> None:
    monkeypatch.setattr(placement, "_num_gpus", lambda: 2)
    with pytest.raises(UsageError, match=said):
        refuse_placement(laid(places), device)


def test_what_a_machine_has_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placement, "_num_gpus", lambda: 2)
    for places, device in (
        ("auto", "cuda"),
        ("auto", "cpu"),
        ({"a": "cuda:0", "b": "cuda:1"}, "cuda"),
        (None, "mps"),
    ):
        refuse_placement(laid(places), device)


def test_several_processes_have_one_device_each() -> None:
    refuse_sharing(laid("auto"), 1)
    refuse_sharing(laid(None), 8)
    with pytest.raises(UsageError, match=r"8 processes are to share the run\n.*one device of its own"):
        refuse_sharing(laid("auto"), 8)


# -------------------------------------------------------------------------------------- mapping and model


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model.layer.1": "cpu:1"}, "names model.layer.1, which this model does not have"),
        ({"model.layers.1": None}, "gives 12 weights no device, first model.layers.1.self_attn.q_proj.weight"),
        ({"model.layers.1.mlp": "cpu:0"}, "cuts model.layers.1, which must lie on one device as a whole"),
        ({"lm_head": "cpu:1"}, "model.embed_tokens, lm_head are the same weights"),
    ],
)  # fmt: skip
def test_a_mapping_that_does_not_fit_the_model_is_refused(
    bare: Any, change: dict[str, Any], said: str
) -> None:
    places = {part: place for part, place in (SPLIT | change).items() if place}
    with pytest.raises(UsageError, match=said) as refused:
        check_parts(bare, places, "folder")
    assert len(refused.value.problems) == 1 and refused.value.problems[0].where == "folder"


@settings(max_examples=15)
@given(st.lists(st.sampled_from(["cuda:0", "cuda:1", "cuda:2"]), min_size=4, max_size=4))
def test_whole_layers_may_lie_anywhere(bare: Any, devices: list[str]) -> None:
    places = dict(zip(PARTS, [*devices, devices[0]], strict=True))  # the ends are tied
    check_parts(bare, places, "folder")
    check_parts(bare, {"": devices[0]}, "folder")
    for part in PARTS[1:4]:
        with pytest.raises(UsageError, match="no device"):
            check_parts(bare, {p: d for p, d in places.items() if p != part}, "folder")


def test_the_longest_name_counts() -> None:
    places = {"": "a", "model": "b", "model.layers.1": "c"}
    found = [
        place_of(n, places) for n in ("lm_head.weight", "model.norm", "model.layers.1.mlp", "model.layers.10")
    ]
    assert found == ["a", "b", "c", "b"]
    assert place_of("lm_head", {"model": "b"}) is None


def test_the_architecture_check_reads_the_mapping(tiny_model: Path, quick_config: Callable[..., Any]) -> None:
    with pytest.raises(UsageError, match="gives 25 weights no device"):
        check_architecture(
            tiny_model, quick_config("model.device_map={model.embed_tokens: cpu, model.norm: cpu}"), 1
        )


# ------------------------------------------------------------------------------------------ a loaded base


def test_a_base_on_two_devices_gives_what_it_gives_on_one(
    tiny_model: Path, quick_config: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    take_names_for_devices(monkeypatch)

    config = quick_config()
    spread = replace(config, model=replace(config.model, device_map=SPLIT))
    ids = torch.arange(40).view(2, 20)
    found = []
    for each in (config, spread):
        model = load_tuned(tiny_model, each, "cpu").model
        loss = model(input_ids=ids, labels=ids, use_cache=False).loss
        loss.backward()
        found.append((loss.detach(), {n: p.grad for n, p in model.named_parameters() if p.requires_grad}))
    assert hasattr(model.get_base_model().model.layers[1], "_hf_hook"), "accelerate hands inputs on"
    (loss, gradients), (other, others) = found
    torch.testing.assert_close(other, loss, rtol=1e-6, atol=0)
    torch.testing.assert_close(others, gradients, rtol=1e-5, atol=1e-8)  # sums in another order


@pytest.mark.parametrize("places", ["auto", {"": "cpu"}, {"model": "cpu", "lm_head": "cpu"}])
def test_one_device_needs_no_hooks(tiny_model: Path, quick_config: Callable[..., Any], places: Any) -> None:
    config = Config(model=ModelConfig(name=str(tiny_model), device_map=places))
    model, _ = load_base(tiny_model, config, "cpu")
    assert set(places_of(model).values()) == {"cpu"} and not hasattr(model, "_hf_hook")


def test_a_base_in_4_bits_may_be_laid_out(tiny_model: Path, quick_config: Callable[..., Any]) -> None:
    pytest.importorskip("bitsandbytes", reason="bitsandbytes has no wheel for every machine")
    config = quick_config("model.dtype=nf4", 'model.device_map={"": cpu}')
    model = load_tuned(tiny_model, config, "cpu").model
    assert type(model.get_base_model().model.layers[0].mlp.up_proj.base_layer).__name__ == "Linear4bit"


@pytest.mark.parametrize(
    ("places", "said"),
    [
        ({"model": 0, "lm_head": "cpu"}, "1 of its parts would lie on cpu"),
        ({"model": "cpu", "lm_head": "disk"}, "1 of its parts would lie on disk"),
        ({"a": 0, "b": "disk", "c": "cpu"}, "2 of its parts would lie on cpu, disk"),
    ],
)
def test_a_base_that_finds_no_room_is_a_matter_of_memory(places: Any, said: str) -> None:
    model = SimpleNamespace(hf_device_map=places, device="cpu")
    with pytest.raises(ResourceError, match=said) as refused:
        settle(model, Path("folder"))
    assert refused.value.exit_code == 4


def test_gpus_are_named_as_accelerate_names_them() -> None:
    assert asked_of_accelerate(laid({"": "cuda:12", "lm_head": "cpu"})) == {"": 12, "lm_head": "cpu"}
    assert asked_of_accelerate(laid("auto")) == "auto" and places_of(
        SimpleNamespace(hf_device_map={"a": 1, "b": "cpu"}, device="cpu")
    ) == {"a": "cuda:1", "b": "cpu"}


def test_more_than_one_device_is_said_to_be_no_faster() -> None:
    note, cost = placement_words({"a": "cuda:0", "b": "cuda:0", "c": "cuda:1"})
    assert str(note) == "the base lies on: cuda:0 (2), cuda:1 (1)"
    assert (
        cost
        and "2 devices, which together are no faster than one" in str(cost)
        and "--devices 2" in str(cost)
    )
    assert placement_words({"": "cuda:0"})[1] is None
