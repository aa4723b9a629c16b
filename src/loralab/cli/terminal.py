"""Events in, lines on stderr out: a moving bar in a terminal, one plain line per 5 % elsewhere."""

from __future__ import annotations

import time
from typing import Any

from loralab.cli.console import NORMAL, Console
from loralab.run.events import Event
from loralab.run.folder import RunFolder
from loralab.run.view import stage_name
from loralab.words import recorded, say

GIB = 1 << 30


class TerminalSink:
    """Shows a run as it goes."""

    name = "terminal"

    def __init__(self, console: Console, log_every_steps: int) -> None:
        self.console, self.log_every_steps = console, log_every_steps
        self.folder: RunFolder | None = None
        self.total = 0
        self.first: tuple[float, int] | None = None
        self.twentieth = 0
        self.answers: dict[str, int] = {}
        self.bar: Any = None
        self.task: Any = None

    def open(self, run: RunFolder) -> None:
        """Name the run; start the bar if stderr is a terminal."""
        self.folder = run
        self.console.say(say("run {path}", path=run.path))
        if self.console.live:
            self._start_bar()

    def handle(self, event: Event) -> None:
        """One event as words, if it is worth some."""
        handler = getattr(self, f"_on_{event['kind']}", None)
        if handler:
            handler(event)

    def close(self, status: str) -> None:
        """Take the bar away."""
        if self.bar:
            self.bar.stop()
            self.console.printer = None

    # ---------------------------------------------------------------------------------------- events

    def _on_data_ready(self, event: Event) -> None:
        self.console.say(
            say("data: {train} rows to train on, {test} held out, {probes} probes; {dropped} dropped, {cut} cut",
                train=event["train_rows"], test=event["test_rows"], probes=event["probes"],
                dropped=event["dropped"], cut=event["cut"])
        )  # fmt: skip

    def _on_model_ready(self, event: Event) -> None:
        self.console.say(
            say("model: {parameters:.1f} M parameters, {trainable:.2f} M trainable ({share:.2f} %), {dtype} on {device}, engine {engine}",
                parameters=event["parameters"] / 1e6, trainable=event["trainable"] / 1e6,
                share=100 * event["trainable"] / event["parameters"], dtype=event["dtype"],
                device=event["device"], engine=event["engine"])
        )  # fmt: skip

    def _on_plan(self, event: Event) -> None:
        self.total = event["steps"]
        if self.bar:
            self.bar.update(self.task, total=self.total)

    def _on_warning(self, event: Event) -> None:
        self.console.say(say("warning: {message}", message=recorded(event)))

    def _on_note(self, event: Event) -> None:
        if event.get("code") in ("early_stop", "engine", "ranks", "shard"):
            self.console.say(recorded(event))

    def _on_sink_failed(self, event: Event) -> None:
        self.console.say(
            say("{sink} failed, the run goes on; {lost} events not mirrored: {error}",
                sink=event["sink"], lost=event["events_lost"], error=event["error"])
        )  # fmt: skip

    def _on_stage_started(self, event: Event) -> None:
        if "copied_from" not in event:
            self.console.say(say("evaluating: {stage}", stage=stage_name(event["stage"])))

    def _on_prediction(self, event: Event) -> None:
        stage = event["stage"]
        self.answers[stage] = self.answers.get(stage, 0) + 1
        if self.bar:
            self.bar.update(
                self.task,
                description=f"{stage_name(stage).text(self.console.language)}: {self.answers[stage]}",
            )

    def _on_stage_finished(self, event: Event) -> None:
        answers = self.answers.get(event["stage"], 0)
        self.console.say(
            say(
                "evaluated {stage}: {n} answers in {seconds:.0f} s",
                stage=stage_name(event["stage"]),
                n=answers,
                seconds=event["seconds"],
            )
        )
        self.first = None  # time left is reckoned from training steps alone

    def _on_scored(self, event: Event) -> None:
        self.console.say(
            say("{stage} {task}/{metric}: {value:.4f}", stage=event["stage"], task=event["task"],
                metric=event["metric"], value=event["value"]), loudness=NORMAL + 1
        )  # fmt: skip

    def _on_step(self, event: Event) -> None:
        step = event["step"]
        if self.first is None:
            self.first = (time.monotonic() - event["seconds"], step - 1)
        if self.bar:
            self.bar.update(self.task, completed=step, description=self._numbers(event))
        if self._is_due(step):
            self.console.say(
                say(
                    "step {step}/{total} {numbers}", step=step, total=self.total, numbers=self._numbers(event)
                )
            )

    # --------------------------------------------------------------------------------------- display

    def _is_due(self, step: int) -> bool:
        """Every log_every_steps above the bar of a terminal, every 5 % elsewhere; and the last step."""
        if self.bar:
            return step % self.log_every_steps == 0 or step == self.total
        twentieth = 20 * step // max(1, self.total)
        due = twentieth > self.twentieth or step == self.total
        self.twentieth = max(self.twentieth, twentieth)
        return due

    def _numbers(self, event: Event) -> str:
        rate = event["tokens"] / event["seconds"] if event["seconds"] else 0.0
        loss = event["loss"] if isinstance(event["loss"], str) else f"{event['loss']:.4f}"
        left = self._seconds_left(event["step"])
        words = say(
            "loss {loss}  {rate:.0f} tokens/s  {memory:.2f} GiB  {left} left",
            loss=loss, rate=rate, memory=event["peak_bytes"] / GIB, left=_clock(left),
        )  # fmt: skip
        return words.text(self.console.language)

    def _seconds_left(self, step: int) -> float:
        assert self.first is not None
        start, first_step = self.first
        return (time.monotonic() - start) / max(1, step - first_step) * (self.total - step)

    def _start_bar(self) -> None:
        from rich.console import Console as RichConsole
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        self.bar = Progress(
            BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}", markup=False),
            console=RichConsole(stderr=True), transient=True,
        )  # fmt: skip
        self.task = self.bar.add_task("", total=None)
        self.bar.start()
        # words printed past the bar would be torn by it; its own console puts them above
        self.console.printer = lambda text: self.bar.console.print(
            text, markup=False, highlight=False, soft_wrap=True
        )


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
