"""A frozen base in, its weights out as units, each a run of bytes of which this process keeps a part.

A unit is a decoder layer, the embedding or the head: what a pass needs whole at the same time. Its weights become views
of one tensor, whose bytes are there only while the unit is whole; whoever holds such a view sees them again then. What is
in no unit, as the last norm, stays whole in every process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from loralab.errors import Problem, UsageError
from loralab.words import Words, say

Key = int | str  # of a layer its number
EMBEDDING, HEAD = "embedding", "head"
ALIGN_BYTES = 64  # as torch's allocator places tensors, so that products take the same path

Gather = Callable[[Any, Any], None]  # all bytes, to be filled; this process's part of them


@dataclass(frozen=True, eq=False)
class Unit:
    """The bytes of some weights: `part` those that this process keeps, `full` all of them while it is whole."""

    full: Any
    part: Any
    size_bytes: int

    def fill(self, gather: Gather) -> None:
        """Make it whole."""
        self.full.untyped_storage().resize_(self.size_bytes)
        gather(self.full, self.part)

    def clear(self) -> None:
        """Let go of all bytes but this process's part."""
        self.full.untyped_storage().resize_(0)


def modules_of(base: Any) -> dict[Key, Any]:
    """The module of each unit, in the order of a pass; raises UsageError for a model without a list of layers."""
    embedding, head = base.get_input_embeddings(), base.get_output_embeddings()
    layers: dict[Key, Any] = dict(enumerate(_layers(base)))
    if embedding is None or not layers:
        raise unsplittable(say("it has no list of layers behind an embedding"))
    return {EMBEDDING: embedding, **layers, **({} if head is None else {HEAD: head})}


def split(base: Any, rank: int, world: int, device: str) -> dict[Key, Unit]:
    """The units of a base in the order of a pass; a head that is tied to the embedding is the same unit.

    Its weights are empty from then on, and lie on `device` whenever they are whole. Raises UsageError for a model
    whose units share weights otherwise.
    """
    modules = modules_of(base)
    head: Any = modules.get(HEAD)
    is_tied = head is not None and bool(_own(head) & _own(modules[EMBEDDING]))
    units: dict[Key, Unit] = {}
    taken: set[Any] = set()
    for key, module in modules.items():
        if key == HEAD and is_tied:
            units[key] = units[EMBEDDING]
            continue
        weights = list(module.parameters())
        if key == EMBEDDING and is_tied:
            weights += [w for w in head.parameters() if w not in _own(module)]
        if taken & set(weights):
            raise unsplittable(say("its layers share weights"))
        taken |= set(weights)
        units[key] = _unit(weights, rank, world, device)
    base.to(device)
    return units


def held_bytes(model: Any, units: dict[Key, Unit]) -> int:
    """Bytes of frozen weights that this process holds right now, its parts included."""
    storages = [p.untyped_storage() for p in model.parameters() if not p.requires_grad]
    parts = [u.part.untyped_storage() for u in units.values()]
    return sum({s.data_ptr(): s.nbytes() for s in (*storages, *parts)}.values())


def unsplittable(reason: Words) -> UsageError:
    """The refusal of a model that cannot be split."""
    what = say("the weights of this model cannot be split over processes: {reason}", reason=reason)
    return UsageError(Problem(what, next=say("set model.shard=none")))


def _layers(base: Any) -> Sequence[Any]:
    """The list of modules with the most weights: lists within a layer, as of experts, have fewer."""
    import torch

    lists: list[Any] = [m for m in base.modules() if isinstance(m, torch.nn.ModuleList)]
    found: Sequence[Any] = max(lists, key=_size, default=())
    return found


def _size(module: Any) -> int:
    return sum(p.numel() for p in module.parameters())


def _own(module: Any) -> set[Any]:
    return set(module.parameters())


def _unit(weights: Sequence[Any], rank: int, world: int, device: str) -> Unit:
    import torch

    places = list(_places(weights))
    end = places[-1].stop if places else 0
    share = -(-end // (world * ALIGN_BYTES)) * ALIGN_BYTES
    full = torch.zeros(share * world, dtype=torch.uint8, device=device)
    for weight, place in zip(weights, places, strict=True):
        view = full[place].view(weight.dtype).view(weight.shape)
        view.copy_(weight.detach())
        weight.data = view
    part = full[rank * share : (rank + 1) * share].clone()
    unit = Unit(full, part, share * world)
    unit.clear()
    return unit


def _places(weights: Sequence[Any]) -> Iterator[slice]:
    """Where the bytes of each weight lie."""
    start = 0
    for weight in weights:
        yield slice(start, start + weight.nbytes)
        start += -(-weight.nbytes // ALIGN_BYTES) * ALIGN_BYTES
