"""A memory plan and a time forecast in, a table and sentences on stderr out."""

from __future__ import annotations

from loralab.cli.console import Console
from loralab.cli.tables import print_table
from loralab.train.forecast import Forecast
from loralab.train.memory_need import GIB, MemoryNeed
from loralab.words import Words, say


def tell_memory(need: MemoryNeed | Words, console: Console) -> None:
    """The parts of the largest phase, the other phases, what is free, and what needs less."""
    if isinstance(need, Words):
        console.say(say("no memory plan: {reason}", reason=need))
        return
    if console.loudness < 0:
        return
    _print_parts(need, console)
    others = sorted(need.plan.phases, key=lambda phase: -phase.bytes)[1:]
    for phase in others:
        console.say(say("  {phase}: {size:.2f} GiB", phase=phase.name, size=phase.bytes / GIB))
    _tell_free(need, console)
    for setting, freed in need.knobs:
        console.say(say("  {setting} frees {size:.2f} GiB", setting=setting, size=freed / GIB))


def _print_parts(need: MemoryNeed, console: Console) -> None:
    from rich.table import Table

    phase, batch = need.plan.largest, need.demand.batch
    console.say(
        say("memory on {device}, engine {engine}, largest micro-batch {tokens} tokens ({rows} rows); most is needed in: {phase}",
            device=need.demand.device, engine=need.demand.kind.engine, tokens=batch.tokens, rows=batch.rows, phase=phase.name)
    )  # fmt: skip
    table = Table(box=None, pad_edge=False)
    for name, justify in ((say("part"), "left"), (say("GiB"), "right"), (say("reckoned as"), "left")):
        table.add_column(name.text(console.language), justify=justify)  # type: ignore[arg-type]
    for part in phase.parts:
        table.add_row(
            part.name.text(console.language), f"{part.bytes / GIB:.2f}", part.how.text(console.language)
        )
    table.add_row(say("in all").text(console.language), f"{phase.bytes / GIB:.2f}")
    print_table(table, console)


def _tell_free(need: MemoryNeed, console: Console) -> None:
    if need.free_bytes is None:
        console.say(say("how much memory is free is not known here"))
        return
    fits = say("it fits") if need.fits else say("it may not fit")
    console.say(say("free: {free:.2f} GiB: {fits}", free=need.free_bytes / GIB, fits=fits))
    if need.budget_tokens < need.asked_tokens:
        console.say(
            say("micro-batches are made smaller for that: {tokens} tokens instead of {asked}",
                tokens=need.budget_tokens, asked=need.asked_tokens)
        )  # fmt: skip


def tell_time(found: Forecast | None, console: Console) -> None:
    """What training and answers take; without a measurement how to get one."""
    if found is None:
        console.say(say("time: not measured; --calibrate loads the model and takes three steps"))
        return
    console.say(
        say("time: {rate:.0f} tokens/s on {device} with engine {engine}; {steps} steps, {tokens} tokens: about {minutes:.1f} min",
            rate=found.tokens_per_second, device=found.device, engine=found.engine, steps=found.steps,
            tokens=found.train_tokens, minutes=found.train_seconds / 60)
    )  # fmt: skip
    if found.answer_seconds is not None:
        console.say(
            say("answers: {n} at {rate:.1f} tokens/s: at most {minutes:.1f} min, if all were as long as evaluate.max_new_tokens",
                n=found.answers, rate=found.answer_tokens_per_second, minutes=found.answer_seconds / 60)
        )  # fmt: skip
    console.say(say("not included: loading, held-out losses, checkpoints"))
