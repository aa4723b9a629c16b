"""A loaded model and `train.engine` in, the engine that trains it and why out.

`auto` takes the fast engine if it supports the model and agrees with the plain one on rows of the first step. The
choice is made once and written into the manifest; a run that goes on keeps the engine it began with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loralab.config.schema import Config
from loralab.engine.base import Engine, Tick, TokenRow, budget_tokens
from loralab.engine.device_dropout import mask_kernel
from loralab.engine.dropout import Stream
from loralab.engine.plain import PlainEngine
from loralab.engine.self_check import SelfCheck, check_fast
from loralab.errors import Problem, UsageError
from loralab.model.load import TunedModel, pick_device
from loralab.model.memory import is_out_of_memory
from loralab.model.small_files import read_object
from loralab.run.files import write_json
from loralab.run.view import Run
from loralab.safe_text import first_line
from loralab.train.memory_need import GIB, MemoryNeed
from loralab.words import Words, say

if TYPE_CHECKING:
    from loralab.engine.fast.engine import FastEngine
    from loralab.engine.fast.frozen import Packing

PACKINGS: tuple[Packing, ...] = (
    "in_place",
    "forward",
    "both",
)  # by the copies of the matrices that they hold
UNDECIDED = {"name": None, "reason": "the engine is chosen once the model is loaded"}


@dataclass(frozen=True)
class Choice:
    """An engine and why. `facts` are for the manifest; `warnings` are (code, words)."""

    engine: Engine
    reason: Words
    facts: dict[str, Any]
    warnings: tuple[tuple[str, Words], ...] = ()

    @property
    def arrangement(self) -> tuple[int, int] | None:
        """Of the fast engine the tokens of a micro-batch, and the copies of the matrices that it holds."""
        if "packing" not in self.facts:
            return None
        packing = self.facts["packing"]
        return self.facts["budget_tokens"], PACKINGS.index(packing) if packing in PACKINGS else 0


@dataclass(frozen=True)
class Material:
    """What an engine is made of.

    `step_rows` are those of the first step, on some of which the fast engine is checked; `need` is the memory plan.
    """

    tuned: TunedModel
    config: Config
    step_rows: Sequence[TokenRow]
    pad_id: int
    tick: Tick
    need: MemoryNeed | Words


@dataclass(frozen=True)
class _Refusal:
    """Why the fast engine is not taken, and what is known of it."""

    reason: Words
    facts: dict[str, Any] = field(default_factory=dict)
    warnings: tuple[tuple[str, Words], ...] = ()


def refuse_unsupported(run: Run | None, config: Config, folder: Path) -> None:
    """Raise UsageError if config.json alone tells that the fast engine, which is asked for, cannot train the model."""
    if _wanted(run, config) != "fast":
        return
    from loralab.engine.fast.support import unsupported_type

    settings, _ = read_object(folder, "config.json")
    reason = unsupported_type(str(settings.get("model_type")), pick_device())
    if config.model.dtype == "nf4":
        reason = say("the fast engine does not compute {setting}", setting="model.dtype=nf4")
    reason = _placed(config) or reason
    if reason:
        raise _unavailable(run, reason)


def choose_engine(run: Run, given: Material) -> Choice:
    """The engine of the run, by its manifest if it is there already, else by `train.engine`.

    Raises UsageError if the fast engine is asked for, or was begun on, and cannot be had.
    """
    wanted = _wanted(run, given.config)
    if wanted == "plain":
        reason = (
            say("the run began on it") if recorded_engine(run) == "plain" else say("train.engine is plain")
        )
        return _plain(run, given, _Refusal(reason))
    found = _try_fast(run, given)
    if isinstance(found, Choice):
        return found
    if wanted == "fast":
        raise _unavailable(run, found.reason)
    return _plain(run, given, found)


def record_engine(run: Run, choice: Choice) -> None:
    """Write the engine into the manifest of a run that has none there yet."""
    if recorded_engine(run) is None:
        write_json(run.folder.manifest, run.manifest | {"engine": choice.facts})


def recorded_engine(run: Run) -> str | None:
    """The name of the engine that the run began with; None if it was broken off before that was settled."""
    name = run.manifest.get("engine", {}).get("name")
    return name if isinstance(name, str) else None


def _wanted(run: Run | None, config: Config) -> str:
    return (recorded_engine(run) if run else None) or config.train.engine


def _plain(run: Run, given: Material, why: _Refusal) -> Choice:
    engine = PlainEngine(given.tuned, given.config, given.pad_id, given.tick)
    masks, said = _masks(run, engine.stream, given)
    facts = {"name": engine.name, "reason": str(why.reason), **masks, **why.facts}
    return Choice(engine, why.reason, facts, (*why.warnings, *said))


def _try_fast(run: Run, given: Material) -> Choice | _Refusal:
    from loralab.engine.fast.engine import FastEngine
    from loralab.engine.fast.support import unsupported

    tuned, config, tick = given.tuned, given.config, given.tick
    reason = _placed(config) or unsupported(tuned.model, config)
    if reason:
        return _Refusal(reason)
    engine = FastEngine(tuned, config, tick, _options(run, given))
    try:
        check = check_fast(engine, tuned, config, given.step_rows, given.pad_id, tick)
    except RuntimeError as error:  # seam: an operator that this torch or device lacks; plain does without
        if is_out_of_memory(error):
            raise
        reason = say("the fast engine fails here: {error}", error=first_line(error))
        return _Refusal(reason, {"malloc": engine.malloc}, (("fast_engine_fails", reason),))
    facts: dict[str, Any] = {"malloc": engine.malloc, "self_check": check.to_dict()}
    if not check.agrees:
        reason = _disagreement(check)
        return _Refusal(reason, facts, (("fast_engine_disagrees", reason),))
    reason = say(
        "it agrees with the plain engine on {rows} rows of the first step, {tokens} tokens: loss {fast:.6f}, there {plain:.6f}",
        rows=check.rows, tokens=check.tokens, fast=check.loss_fast, plain=check.loss_plain,
    )  # fmt: skip
    masks, said = _masks(run, engine.stream, given)
    facts = {"name": engine.name, "reason": str(reason), **_arrangement(engine), **masks, **facts}
    warnings = _changes(run, engine) if recorded_engine(run) else _smaller(given.need)
    return Choice(engine, reason, facts, (*warnings, *said))


def _placed(config: Config) -> Words | None:
    """The fast engine reads all weights on one device."""
    if config.model.device_map is None:
        return None
    return say("the fast engine does not compute {setting}", setting="model.device_map")


def _options(run: Run, given: Material) -> Any:
    """Those that the run began with; else those of the memory plan, or of the config where there is no plan."""
    from loralab.engine.fast.engine import FastOptions

    if recorded_engine(run) is not None:
        began = run.manifest["engine"]
        return FastOptions(int(began["budget_tokens"]), packing=began["packing"])
    if isinstance(given.need, Words):
        return FastOptions(budget_tokens(given.config, given.tuned.device))
    return FastOptions(given.need.budget_tokens, packing=PACKINGS[given.need.demand.copies])


def _smaller(need: MemoryNeed | Words) -> list[tuple[str, Words]]:
    """What is to be said of micro-batches that are smaller than the config asks for."""
    if isinstance(need, Words) or need.free_bytes is None or need.budget_tokens >= need.asked_tokens:
        return []
    words = say(
        "micro-batches have up to {tokens} tokens instead of {asked}, so that training fits into the {free:.2f} GiB"
        " that are free: losses differ by rounding alone, a step takes longer",
        tokens=need.budget_tokens, asked=need.asked_tokens, free=need.free_bytes / GIB,
    )  # fmt: skip
    return [("smaller_micro_batches", words)]


def _arrangement(engine: FastEngine) -> dict[str, Any]:
    """What the rounding of its numbers depends on."""
    return {
        "budget_tokens": engine.options.budget_tokens,
        "packing": engine.packing,
        "attention": engine.attention.name,
    }


def _changes(run: Run, engine: FastEngine) -> list[tuple[str, Words]]:
    """What the engine of a run that goes on could not have again: its numbers differ by rounding from here on."""
    began = run.manifest["engine"]
    found = [(k, began[k], now) for k, now in _arrangement(engine).items() if k in began and began[k] != now]
    return [
        (
            "engine_changed",
            say("the fast engine began with {name} {before} and has {now} here: from here on losses are the same within"
                " 1e-5 of their value (1e-2 in bfloat16), not to the last bit",
                name=name, before=before, now=now),
        )
        for name, before, now in found
    ]  # fmt: skip


def _masks(run: Run, stream: Stream, given: Material) -> tuple[dict[str, Any], list[tuple[str, Words]]]:
    """Whose bits dropout masks are and what makes them on a GPU, None where nothing does; what is to be said of it.

    What makes them is settled here, before the first step, for every device that the model lies on: that waits for it.
    """
    if not given.config.lora.dropout:
        return {"masks": None, "mask_kernel": None}, []
    said = _other_masks(run, stream)
    if stream != "philox":
        return {"masks": stream, "mask_kernel": None}, said
    kernels = [mask_kernel(d) for d in sorted({str(p.device) for p in given.tuned.model.parameters()})]
    for kernel in kernels:
        if kernel.warning and kernel.warning not in said:
            said.append(kernel.warning)
    is_triton = all(kernel.name == "triton" for kernel in kernels)
    return {"masks": stream, "mask_kernel": "triton" if is_triton else "torch"}, said


def _other_masks(run: Run, now: Stream) -> list[tuple[str, Words]]:
    """What is to be said where a run goes on on another kind of device; runs that do not name a stream had SFC64."""
    began = run.manifest.get("engine", {}).get("masks", "sfc64")
    if recorded_engine(run) is None or began == now:
        return []
    words = say(
        "dropout masks were made by {before} and are made by {now} on this device: they drop the same share, but other"
        " elements, so from here on losses are not those of a run that was not interrupted",
        before=began, now=now,
    )  # fmt: skip
    return [("masks_changed", words)]


def _disagreement(check: SelfCheck) -> Words:
    return say(
        "the fast engine does not agree with the plain one on {rows} rows of the first step: loss {fast}, there {plain};"
        " gradient of {tensor}: cosine {cosine:.6f}; largest relative difference of a gradient {difference:.2g}",
        rows=check.rows, fast=check.loss_fast, plain=check.loss_plain, tensor=check.worst_tensor,
        cosine=check.worst_cosine, difference=check.worst_difference,
    )  # fmt: skip


def _unavailable(run: Run | None, reason: Words) -> UsageError:
    """The fast engine cannot be had, where it was asked for or, in a run that goes on, begun with."""
    if run is None or recorded_engine(run) is None:
        what = say("train.engine is fast, which cannot be had: {reason}", reason=reason)
        return UsageError(Problem(what, next=say("set train.engine=auto or train.engine=plain")))
    return UsageError(
        Problem(
            say("this run began on the fast engine, which cannot be had now: {reason}", reason=reason),
            str(run.folder.path),
            say("on the plain engine it would not be the same run: numbers differ by rounding"),
            say("bring back what manifest.json names under versions and hardware, or start a new run:"
                " loralab train {path} train.engine=plain", path=run.folder.config),
        )
    )  # fmt: skip
