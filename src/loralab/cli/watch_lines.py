"""Looks at a run in, lines for people out: what happened since the look before."""

from __future__ import annotations

import math
import socket
from collections.abc import Callable, Mapping

from loralab.cli.console import Console
from loralab.cli.tables import format_entry
from loralab.cli.terminal import TerminalSink
from loralab.report.progress import Progress, progress
from loralab.report.text import duration, number
from loralab.run.events import Event
from loralab.run.folder import RunFolder
from loralab.run.lock import holder_host
from loralab.run.looks import Look
from loralab.run.numbers import to_float
from loralab.run.view import stage_name
from loralab.words import Words, say

SILENT_SECONDS = 600.0
IN_WORDS = ("warning", "note", "sink_failed", "stage_started", "prediction", "stage_finished")
IN_PICTURE = ("step", "held_out", "scored")


class WatchLines:
    """Says each event that is worth a line; `without` names kinds that are shown in another way."""

    def __init__(self, folder: RunFolder, console: Console, without: tuple[str, ...] = ()) -> None:
        self.folder, self.console, self.without = folder, console, without
        self.said_waiting = self.said_silence = False
        console.say(say("run {path}", path=folder.path))
        self._begin()

    def _begin(self) -> None:
        self.same = TerminalSink(self.console, 1)  # says what reads the same while a run is trained
        self.twentieth = 0

    def show(self, look: Look) -> None:
        """Say what is new."""
        if look.status == "waiting" and not self.said_waiting:
            self.console.say(say("waiting for the first event in {path}", path=self.folder.events))
            self.said_waiting = True
        if look.began_again:
            self.console.say(
                say("{path} was replaced: it is read from its start again", path=self.folder.events)
            )
            self._begin()
        now = progress(look.record) if look.new else Progress()
        for event in look.new:
            self._tell(event, now)
        self._tell_silence(look)

    def _tell(self, event: Event, now: Progress) -> None:
        kind = event["kind"]
        if kind == "run_resumed":
            self.twentieth = 20 * int(event["from_step"]) // max(1, now.total)
        if kind in self.without:
            return
        if kind in IN_WORDS:
            self.same.handle(event)
        elif kind == "step":
            self._step(event, now)
        elif kind in LINES:
            self.console.say(LINES[kind](event))

    def _step(self, event: Event, now: Progress) -> None:
        """One line for every 5 % of the steps; the time left is known for the last one so far."""
        step = int(event["step"])
        twentieth = 20 * step // max(1, now.total)
        if twentieth > self.twentieth or step == now.total:
            left = now.seconds_left if step == now.step < now.total else math.nan
            self.console.say(step_words(event, now.total, left))
        self.twentieth = max(self.twentieth, twentieth)

    def _tell_silence(self, look: Look) -> None:
        """Say once that nothing has come for long, and what is known of the process."""
        if look.silent_seconds < SILENT_SECONDS:
            self.said_silence = False
        elif not self.said_silence and (host := holder_host(self.folder.lock)):
            self.said_silence = True
            self.console.say(silence_words(int(look.silent_seconds // 60), host))


def step_words(event: Event, total: int, seconds_left: float) -> Words:
    """A step as a line: which of how many, its loss, the time left where it is known."""
    loss = number(to_float(event.get("loss")))
    line = say("step {step} of {total}: loss {loss}", step=event["step"], total=total or "?", loss=loss)
    if math.isnan(seconds_left):
        return line
    return say("{line}, {left} of training left", line=line, left=duration(seconds_left))


def scored_words(event: Event) -> Words:
    """A score as a line: stage, metric, value with its interval."""
    task, metric = str(event["task"]), str(event["metric"])
    return say(
        "{stage}: {metric} {entry}",
        stage=stage_name(str(event["stage"])), metric=f"{task}/{metric}", entry=format_entry(metric, dict(event), task),
    )  # fmt: skip


def held_out_words(event: Event) -> Words:
    """A held-out loss as a line."""
    loss = number(to_float(event.get("loss")))
    return say("held-out loss {loss} at step {step}", loss=loss, step=event["step"])


def resumed_words(event: Event) -> Words:
    """What a resume sets back."""
    return say("resumed after step {step}; later steps are made again", step=event["from_step"])


def silence_words(minutes: int, host: str) -> Words:
    """That nothing has come for long, and what is known of the process on that host."""
    if host == socket.gethostname():
        return say("nothing new for {minutes} min; the process that writes the run is alive", minutes=minutes)
    return say(
        "nothing new for {minutes} min; whether the process on {host} is alive cannot be seen from here",
        minutes=minutes, host=host,
    )  # fmt: skip


LINES: Mapping[str, Callable[[Event], Words]] = {
    "held_out": held_out_words,
    "scored": scored_words,
    "run_resumed": resumed_words,
}
