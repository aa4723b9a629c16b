"""`model.device_map` in, which parts of a base lie on which device of one process out, or why they cannot.

The placement itself is that of transformers and accelerate: whole layers, one after another in every pass, each input
handed on to the device of the next. N devices hold N times as much and are no faster than one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from loralab.config.schema import ModelConfig
from loralab.errors import Problem, ResourceError, UsageError
from loralab.words import Words, say

DEVICES = ("cpu", "cuda")
IN_TURN = "layers_in_turn"


def refuse_placement(model: ModelConfig, device: str) -> None:
    """Raise UsageError if `model.device_map` names what this machine, whose devices are of kind `device`, cannot give."""
    if model.device_map is None:
        return
    if device not in DEVICES:
        what = say("model.device_map is for GPUs of CUDA and for a CPU, not for {device}", device=device)
        raise UsageError(Problem(what, next=say("remove model.device_map")))
    if isinstance(model.device_map, dict):
        found = [_unusable(part, place, device) for part, place in model.device_map.items()]
        if problems := [problem for problem in found if problem]:
            raise UsageError(*problems)


def refuse_sharing(model: ModelConfig, processes: int) -> None:
    """Raise UsageError if several processes are to share a run whose base lies on several devices of one."""
    if model.device_map is not None and processes > 1:
        raise UsageError(
            Problem(
                say("model.device_map lays the base on devices of one process, and {n} processes are to share the run",
                    n=processes),
                why=say("each of them has one device of its own"),
                next=say("remove model.device_map, or leave out --devices"),
            )
        )  # fmt: skip


def _unusable(part: str, place: str, device: str) -> Problem | None:
    """Why a part cannot lie there."""
    kind, _, number = place.partition(":")
    if kind == "disk" or (kind == "cpu" and device == "cuda"):
        return _offloaded(say("model.device_map puts {part} on {place}", part=part or '""', place=place))
    if kind != device or (kind == "cuda" and int(number) >= _num_gpus()):
        what = say("model.device_map puts {part} on {place}, which this machine does not have",
                   part=part or '""', place=place)  # fmt: skip
        return Problem(what, next=say("loralab env names the devices of this machine"))
    return None


def _num_gpus() -> int:
    import torch

    return torch.cuda.device_count()


def _offloaded(what: Words, where: str = "") -> Problem:
    """Weights that lie beside the computing devices: PEFT makes an adapter where its layer lies, which then is nowhere."""
    return Problem(
        what, where,
        say("such weights are fetched anew for each pass, and an adapter on them would hold no numbers"),
        say("use more or larger devices, set model.dtype=nf4, or choose a smaller model"),
    )  # fmt: skip


# ------------------------------------------------------------------------------------------ before loading


def check_parts(model: Any, places: Mapping[str, str], where: str) -> None:
    """Raise UsageError, naming each mistake, unless `places` gives every weight of a model one device.

    A decoder layer must not be cut: what its parts give is added up where the layer lies.
    """
    problems = [Problem(words, where) for words in (*_strange(model, places), *_torn(model, places))]
    if problems:
        raise UsageError(*problems)


def _strange(model: Any, places: Mapping[str, str]) -> Iterator[Words]:
    """Names that are no part of the model, and weights that no name covers."""
    known = {name for name, _ in model.named_modules()}
    for part in places:
        if part not in known:
            yield say("model.device_map names {part}, which this model does not have", part=part)
    bare = [name for name in model.state_dict() if place_of(name, places) is None]
    if bare:
        yield say("model.device_map gives {n} weights no device, first {name}", n=len(bare), name=bare[0])


def _torn(model: Any, places: Mapping[str, str]) -> Iterator[Words]:
    """Layers whose parts would lie apart, and two names of the same weights on two devices."""
    whole = set(getattr(model, "_no_split_modules", None) or ())
    blocks = [name for name, module in model.named_modules() if type(module).__name__ in whole]
    for block in blocks:
        devices = {place for part, place in places.items() if part.startswith(f"{block}.")}
        if devices - {place_of(block, places)}:
            yield say("model.device_map cuts {part}, which must lie on one device as a whole", part=block)
    ends = [model.get_input_embeddings(), model.get_output_embeddings()]
    if getattr(model.config, "tie_word_embeddings", False):
        names = [name for name, module in model.named_modules() if any(module is end for end in ends)]
        if len({place_of(name, places) for name in names} - {None}) > 1:
            yield say(
                "{names} are the same weights in this model, and must lie on one device",
                names=", ".join(names),
            )


def place_of(name: str, places: Mapping[str, str]) -> str | None:
    """The device of a module or weight: that of the longest name in the mapping which it lies under."""
    above = [part for part in places if not part or name == part or name.startswith(f"{part}.")]
    return places[max(above, key=len)] if above else None


def asked_of_accelerate(model: ModelConfig) -> Any:
    """The placement as transformers takes it: GPUs as numbers, of which accelerate takes the least as the main one."""
    if not isinstance(model.device_map, dict):
        return model.device_map
    return {
        part: int(place[5:]) if place.startswith("cuda:") else place
        for part, place in model.device_map.items()
    }


# ------------------------------------------------------------------------------------------- after loading


def places_of(model: Any) -> dict[str, str]:
    """The device of each part of a loaded base, as transformers and accelerate have placed it."""
    laid = getattr(model, "hf_device_map", None) or {"": model.device}
    return {part: f"cuda:{place}" if isinstance(place, int) else str(place) for part, place in laid.items()}


def settle(model: Any, folder: Path) -> None:
    """Make the GPU of the embeddings the current one: inputs go there, and what the model gives comes back to it.

    Raises ResourceError if parts of the base found room on no device that computes.
    """
    places = places_of(model)
    computing = {place for place in places.values() if place.startswith("cuda")} or {"cpu"}
    aside = [place for place in places.values() if place in ("cpu", "disk") and place not in computing]
    if aside:
        what = say("the base does not fit on the devices of this process: {n} of its parts would lie on {places}",
                   n=len(aside), places=", ".join(sorted(set(aside))))  # fmt: skip
        raise ResourceError(_offloaded(what, str(folder)))
    device = model.get_input_embeddings().weight.device
    if device.type == "cuda":
        import torch

        torch.cuda.set_device(device)


def placement_words(places: Mapping[str, str]) -> tuple[Words, Words | None]:
    """Where the base lies, and what that costs if it is more than one device."""
    counts = Counter(places.values())
    note = say("the base lies on: {places}", places=", ".join(f"{p} ({n})" for p, n in counts.items()))
    if len(counts) < 2:
        return note, None
    cost = say(
        "the layers of this model compute one after another on {n} devices, which together are no faster than one; the"
        " faster way is --devices {n}, which shares each step out: with a whole base on each device, or with model.shard",
        n=len(counts),
    )  # fmt: skip
    return note, cost
