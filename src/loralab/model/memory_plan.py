"""A model's sizes and what a run asks of a machine in, the bytes it will need out, part by part with their formulas.

An estimate: nothing is loaded, and a run is never refused by it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from loralab.model.activations import (
    WIDE,
    Kind,
    MicroBatch,
    head_bytes,
    heap_bytes,
    kept_bytes,
    passing_bytes,
)
from loralab.model.nf4 import BITS as NF4_BITS
from loralab.model.shape import ModelShape
from loralab.words import Words, say

MIB = 1 << 20
PROCESS_BYTES = 390 * MIB  # Python, torch, transformers and PEFT, after a first step on a CPU; measured
CONTEXT_BYTES = 500 * MIB  # what CUDA itself takes of a card; not measured here
RESERVE_BYTES = 4 * 10**9  # of a card: CUDA itself, workspaces and the layer that is computed
MOST_FILLED = 0.9  # of the memory that is free, where a base is to lie whole
# Shares of what `_slack` names. Measured on Linux with glibc, where one run differs from the next by a tenth or two;
# that of a card is assumed.
FAST_SLACK, RECOMPUTED_SLACK, FIRST_SLACK, CARD_SLACK = 0.35, 0.55, 0.4, 0.1


@dataclass(frozen=True)
class Answering:
    """The largest batch of questions: `rows` prompts of up to `prompt_tokens`, answers of up to `new_tokens`."""

    rows: int
    prompt_tokens: int
    new_tokens: int


@dataclass(frozen=True)
class Demand:
    """What a run asks of a machine.

    `batch` is its largest micro-batch, `check` that of the plain engine against which the fast one is checked;
    `file_bytes` are those of the weight files; `copies` counts further copies of the layers' matrices, in the layout in
    which they are multiplied faster, beside one of the head's; `is_nf4`: the layers' matrices are held in 4 bits;
    `shards`: over how many processes the weights are split.
    """

    kind: Kind
    device: str
    batch: MicroBatch
    answering: Answering
    check: MicroBatch | None = None
    file_bytes: int = 0
    copies: int = 0
    is_nf4: bool = False
    shards: int = 1


@dataclass(frozen=True)
class Part:
    """Bytes that are held, what for, and how they are reckoned."""

    name: Words
    bytes: int
    how: Words


@dataclass(frozen=True)
class Phase:
    """A time of a run, with all that is held then."""

    name: Words
    parts: tuple[Part, ...]

    @property
    def bytes(self) -> int:
        """The sum of the parts."""
        return sum(part.bytes for part in self.parts)


@dataclass(frozen=True)
class MemoryPlan:
    """The phases of a run; it needs as much as the largest of them."""

    phases: tuple[Phase, ...]

    @property
    def largest(self) -> Phase:
        """The phase that needs most."""
        return max(self.phases, key=lambda phase: phase.bytes)

    @property
    def total_bytes(self) -> int:
        """The peak of the run."""
        return self.largest.bytes


def plan_memory(shape: ModelShape, demand: Demand) -> MemoryPlan:
    """What a run needs while it loads, checks its engine, trains and answers.

    A checkpoint is written from the tensors themselves and needs no more than training.
    """
    fixed, state = (_process(demand), _weights(shape, demand)), _state(shape, demand)
    loaded = (*fixed, *_copies(shape, demand))
    phases = [Phase(say("training"), (*loaded, *state, *_training(shape, demand)))]
    if demand.device == "cpu":
        phases.append(Phase(say("loading"), _loading(shape, demand)))
    if demand.check:
        plain = replace(demand.kind, engine="plain", recompute=True)
        parts = _step(shape, plain, demand.check, demand.device, is_first=True)
        phases.append(Phase(say("check of the fast engine"), (*loaded, *_checked(shape, demand), *parts)))
    phases.append(Phase(say("answering"), (*loaded, *state, *_answering(shape, demand))))
    return MemoryPlan(tuple(phases))


def knobs(shape: ModelShape, demand: Demand, fast_is_known: bool) -> list[tuple[str, int]]:
    """Settings that need less, each with the bytes that it alone frees of the total; the largest first."""
    now = plan_memory(shape, demand).total_bytes
    freed = [
        (text, now - plan_memory(shape, other).total_bytes) for text, other in _others(demand, fast_is_known)
    ]
    return sorted(((text, n) for text, n in freed if n > 0), key=lambda item: -item[1])


def fitting_tokens(shape: ModelShape, demand: Demand, free_bytes: int, smallest: int = 256) -> int:
    """The most tokens of a micro-batch, up to those of the demand, with which training fits; at least `smallest`.

    Other phases need what they need, whatever the micro-batch is.
    """
    tokens = demand.batch.tokens
    while tokens > smallest and _training_bytes(shape, demand, tokens) > free_bytes:
        tokens = max(smallest, tokens * 3 // 4)
    return tokens


def _training_bytes(shape: ModelShape, demand: Demand, tokens: int) -> int:
    batch = _scaled(demand.batch, tokens / demand.batch.tokens)
    return plan_memory(shape, replace(demand, batch=batch)).phases[0].bytes


def copies_within(shape: ModelShape, demand: Demand, share_bytes: int) -> int:
    """The most further copies of the matrices, up to two, with which the whole run needs no more than that."""
    plans = ((n, plan_memory(shape, replace(demand, copies=n)).total_bytes) for n in (2, 1))
    return next((n for n, size in plans if size <= share_bytes), 0)


def lies_whole(shape: ModelShape, demand: Demand, free_bytes: int) -> bool:
    """Whether the base can lie whole in each process of a run, by nine tenths of what one of them has free."""
    return whole_bytes(shape, demand) < MOST_FILLED * free_bytes


def whole_bytes(shape: ModelShape, demand: Demand) -> int:
    """What a process with the whole base needs: as planned on a CPU.

    On a card, where the plan was not measured: the base, the adapter with its gradients and optimizer, the inputs of
    the layers, and a reserve. Recomputation and smaller micro-batches can do without the rest.
    """
    demand = replace(demand, copies=0, shards=1)
    if demand.device != "cuda":
        return plan_memory(shape, demand).total_bytes
    inputs = kept_bytes(shape, replace(demand.kind, recompute=True), demand.batch)
    state = sum(part.bytes for part in _state(shape, demand))
    return _weights(shape, demand).bytes + state + inputs + RESERVE_BYTES


# ----------------------------------------------------------------------------------------------- parts


def _process(demand: Demand) -> Part:
    if demand.device == "cuda":
        return Part(say("CUDA itself"), CONTEXT_BYTES, say("assumed, not measured"))
    return Part(say("Python and torch"), PROCESS_BYTES, say("measured once"))


def _weights(shape: ModelShape, demand: Demand) -> Part:
    size = demand.kind.base_bytes
    if demand.is_nf4:
        numbers = shape.layers * _layer_numbers(shape)
        held = int(numbers * NF4_BITS / 8) + (shape.parameters - numbers) * size
        how = say(
            "{n} numbers x {bits:.2f} bits, the others x {size} bytes",
            n=f"{numbers:,}",
            bits=NF4_BITS,
            size=size,
        )
        return Part(say("weights"), held, how)
    if demand.shards > 1:
        return _split_weights(shape, demand.shards, size)
    how = say("{n} numbers x {size} bytes", n=f"{shape.parameters:,}", size=size)
    return Part(say("weights"), shape.parameters * size, how)


def _split_weights(shape: ModelShape, shards: int, size: int) -> Part:
    largest = max(_layer_numbers(shape), shape.vocabulary * shape.width)
    how = say(
        "{n} numbers x {size} bytes / {shards} processes, and a layer or the embedding, {largest} numbers, whole",
        n=f"{shape.parameters:,}", size=size, shards=shards, largest=f"{largest:,}",
    )  # fmt: skip
    return Part(say("weights"), (shape.parameters // shards + largest) * size, how)


def _loading(shape: ModelShape, demand: Demand) -> tuple[Part, ...]:
    """Weights that will be split are read whole, unless they are pages of the files until then."""
    files = _files(shape, demand)
    whole = replace(demand, shards=1) if files.bytes else demand
    return _process(demand), _weights(shape, whole), files


def _copies(shape: ModelShape, demand: Demand) -> tuple[Part, ...]:
    if not demand.copies:
        return ()
    layers, head = shape.layers * _layer_numbers(shape), shape.vocabulary * shape.width
    how = say("{n} copies of {layers} numbers of the layers and one of {head} of the head x 4 bytes",
              n=demand.copies, layers=f"{layers:,}", head=f"{head:,}")  # fmt: skip
    return (Part(say("matrices in a faster layout"), (demand.copies * layers + head) * WIDE, how),)


def _layer_numbers(shape: ModelShape) -> int:
    """Numbers in the matrices of a layer."""
    return sum(a * b for a, b in shape.projections.values())


def adapter_numbers(shape: ModelShape, kind: Kind) -> int:
    """Numbers in the adapter: rank x (inputs + outputs) of each adapted module."""
    return kind.rank * shape.layers * sum(sum(shape.projections[t]) for t in kind.targets)


def _state(shape: ModelShape, demand: Demand) -> tuple[Part, ...]:
    numbers = adapter_numbers(shape, demand.kind)
    how = say(
        "rank {rank} x inputs and outputs of {n} modules x 4 bytes",
        rank=demand.kind.rank, n=shape.layers * len(demand.kind.targets),
    )  # fmt: skip
    return (
        Part(say("adapter"), numbers * WIDE, how),
        Part(say("gradients"), numbers * WIDE, say("as the adapter")),
        Part(say("optimizer"), 2 * numbers * WIDE, say("AdamW: twice the adapter")),
    )


def _checked(shape: ModelShape, demand: Demand) -> tuple[Part, ...]:
    """Before the optimizer has a state: gradients of both engines, and the B of the run while that of the check is there."""
    size = adapter_numbers(shape, demand.kind) * WIDE
    other = Part(say("the other engine's gradients, and B"), size * 3 // 2, say("1.5 times the adapter"))
    return (*_state(shape, demand)[:2], other)


def _training(shape: ModelShape, demand: Demand) -> tuple[Part, ...]:
    return _step(shape, demand.kind, demand.batch, demand.device)


def _step(
    shape: ModelShape, kind: Kind, batch: MicroBatch, device: str, is_first: bool = False
) -> tuple[Part, ...]:
    kept, passing = kept_bytes(shape, kind, batch), passing_bytes(shape, kind, batch)
    each = kept // (shape.layers * batch.tokens)
    how = say(
        "{tokens} tokens x {layers} layers x {each} bytes",
        tokens=batch.tokens,
        layers=shape.layers,
        each=each,
    )
    rows = batch.tokens if kind.engine == "plain" else min(kind.head_rows, batch.labels)
    head = say(
        "{rows} rows x {vocabulary} logits, or one layer's backward", rows=rows, vocabulary=shape.vocabulary
    )
    return (
        Part(say("activations"), kept, how),
        Part(say("head or one layer, for a moment"), passing, head),
        _slack(shape, kind, batch, device, is_first),
    )


def _slack(shape: ModelShape, kind: Kind, batch: MicroBatch, device: str, is_first: bool) -> Part:
    """What an allocator holds beside what is used; after a single micro-batch there are fewer gaps than later."""
    used = _slack_base(shape, kind, batch)
    name = say("allocator slack")
    if device == "cuda":
        how = say("{share:.0%} of the two above; assumed, not measured", share=CARD_SLACK)
        return Part(name, int(CARD_SLACK * used), how)
    if kind.engine == "plain":
        size = heap_bytes(shape, kind, batch)
        if is_first:
            how = say(
                "{share:.0%} of the blocks that are freed between blocks that stay; measured",
                share=FIRST_SLACK,
            )
            return Part(name, int(FIRST_SLACK * size), how)
        return Part(name, size, say("blocks that are freed between blocks that stay; measured"))
    if kind.recompute:
        whole = _slack_base(shape, replace(kind, recompute=False), batch)
        how = say(
            "{share:.0%} of the two above as they are without recomputation; measured", share=RECOMPUTED_SLACK
        )
        return Part(name, int(RECOMPUTED_SLACK * whole), how)
    return Part(name, int(FAST_SLACK * used), say("{share:.0%} of the two above; measured", share=FAST_SLACK))


def _slack_base(shape: ModelShape, kind: Kind, batch: MicroBatch) -> int:
    return kept_bytes(shape, kind, batch) + passing_bytes(shape, kind, batch)


def _files(shape: ModelShape, demand: Demand) -> Part:
    """Files in another number format are read beside the weights; in the same, they are the weights."""
    same = abs(demand.file_bytes - shape.parameters * demand.kind.base_bytes) < demand.file_bytes / 50
    how = say("pages of the weight files; the system takes them back when memory is short")
    return Part(say("weight files"), 0 if same else demand.file_bytes, how)


def _answering(shape: ModelShape, demand: Demand) -> tuple[Part, ...]:
    kind, asked = demand.kind, demand.answering
    tokens = asked.rows * (asked.prompt_tokens + asked.new_tokens)
    cache = tokens * shape.layers * 2 * shape.key_width * kind.base_bytes
    how = say(
        "{rows} rows x {tokens} tokens x {layers} layers x keys and values",
        rows=asked.rows, tokens=asked.prompt_tokens + asked.new_tokens, layers=shape.layers,
    )  # fmt: skip
    reading = asked.rows * asked.prompt_tokens * (3 * shape.mlp_width + 4 * shape.width) * kind.base_bytes
    reading += asked.rows * shape.vocabulary * kind.base_bytes
    held_out = head_bytes(shape, kind, demand.batch)
    return (
        Part(say("cache of keys and values"), cache, how),
        Part(
            say("one layer, or the head of held-out rows"), max(reading, held_out),
            say("{rows} prompts of {tokens} tokens, or a micro-batch", rows=asked.rows, tokens=asked.prompt_tokens),
        ),
    )  # fmt: skip


# ----------------------------------------------------------------------------------------------- knobs


def _scaled(batch: MicroBatch, by: float) -> MicroBatch:
    """The micro-batch with fewer rows, or with shorter ones where it has one row."""
    rows = max(1, round(batch.rows * by))
    return MicroBatch(rows, max(1, int(batch.tokens * by)), max(1, int(batch.labels * by)))


def _others(demand: Demand, fast_is_known: bool) -> list[tuple[str, Demand]]:
    kind, batch = demand.kind, demand.batch
    others = [("data.max_tokens / 2", replace(demand, batch=_scaled(batch, 0.5)))]
    if batch.rows > 1:
        others.append(
            ("train.batch_rows / 2, train.accumulate x 2", replace(demand, batch=_scaled(batch, 0.5)))
        )
    if not kind.recompute:
        others.append(("train.recompute=on", replace(demand, kind=replace(kind, recompute=True))))
    if kind.rank > 1:
        others.append(("lora.rank / 2", replace(demand, kind=replace(kind, rank=kind.rank // 2))))
    if kind.engine == "plain" and fast_is_known:
        others.append(("train.engine=fast", replace(demand, kind=replace(kind, engine="fast"))))
    if demand.check:
        others.append(("train.engine=plain", replace(demand, kind=replace(kind, engine="plain"), check=None)))
    if demand.answering.rows > 1:
        fewer = replace(demand.answering, rows=demand.answering.rows // 2)
        others.append(("evaluate.batch_rows / 2", replace(demand, answering=fewer)))
    return others
