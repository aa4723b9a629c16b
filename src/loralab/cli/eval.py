"""`loralab eval`: a model, adapter or run with a benchmark's questions in, its answers with their scores out."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import click
from click.core import ParameterSource

from loralab.cli.console import QUIET, Console, common, pass_console
from loralab.cli.downloads import progress_lines
from loralab.cli.tables import format_entry
from loralab.config.schema import Dtype
from loralab.errors import Interrupted, Problem, UsageError
from loralab.evaluate.prepare_task import BATCH_ROWS, Request, Watch
from loralab.evaluate.run_task import Evaluated, evaluate_task
from loralab.evaluate.served import IN_FLIGHT, ServerChoice
from loralab.evaluate.subject import Stage, find_subject
from loralab.evaluate.tasks.all import find_task
from loralab.hub.data import is_remote
from loralab.safe_text import command_line
from loralab.words import say

POSITIVE = click.IntRange(min=1)


@click.command("eval")
@click.argument("model", metavar="MODEL_OR_RUN")
@click.option("--task", required=True, metavar="NAME", help="lawbench:3-1, disc:single, lexeval:1_1, citation, choice, rouge_l, general ...")  # fmt: skip
@click.option("--questions", metavar="FILE", help="The task's file, or hf://owner/name/file.")
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="Folder for answers and scores.")  # fmt: skip
@click.option(
    "--adapter", type=click.Path(path_type=Path), metavar="DIR", help="PEFT adapter to put on the model."
)
@click.option("--stage", type=click.Choice(["before", "after"]), help="Of a run: its base alone, or with the chosen adapter (default).")  # fmt: skip
@click.option(
    "--system", metavar="TEXT", help="System message before each question; a run's own when left out."
)
@click.option(
    "--max-new-tokens", type=POSITIVE, metavar="N", help="Longest answer; the task's own when left out."
)
@click.option("--batch-rows", type=POSITIVE, default=BATCH_ROWS, show_default=True, metavar="N", help="Questions answered together.")  # fmt: skip
@click.option(
    "--dtype", type=click.Choice(["auto", "float32", "bfloat16", "nf4"]), help="Number format of the weights."
)
@click.option("--limit", type=POSITIVE, metavar="N", help="Ask the first N questions only.")
@click.option(
    "--server", metavar="URL", help="Have a vLLM or SGLang server answer, in place of this process."
)
@click.option("--server-model", metavar="NAME", help="Name of the model or adapter on the server.")
@click.option("--in-flight", type=POSITIVE, default=IN_FLIGHT, show_default=True, metavar="N", help="Requests to the server under way at once.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document: out, status, scores.")
@common
@pass_console
def eval(
    console: Console,
    model: str,
    task: str,
    questions: str | None,
    out: Path,
    adapter: Path | None,
    stage: Stage | None,
    system: str | None,
    max_new_tokens: int | None,
    batch_rows: int,
    dtype: Dtype | None,
    limit: int | None,
    server: str | None,
    server_model: str | None,
    in_flight: int,
    as_json: bool,
) -> None:
    """Answer a benchmark's questions and score the answers.

    MODEL_OR_RUN is a model folder, owner/name on a hub, an adapter folder, or a run. The same command again
    asks only what is missing in --out. With --server, MODEL_OR_RUN gives the tokenizer and the template; a key
    for the server is read from LORALAB_SERVER_KEY.
    """
    _refuse_without_effect(click.get_current_context(), bool(server))
    found = find_task(task)
    subject = find_subject(model, adapter, stage, dtype, system)
    if questions is None and found.own_questions:
        questions = str(found.own_questions)
    if questions is None:
        advice = say("add --questions FILE, the file of the task {task}", task=task)
        raise UsageError(Problem(say("the task's questions are not named"), next=advice))
    choice = ServerChoice(server, server_model, in_flight) if server else None
    request = Request(subject, found, questions, out, max_new_tokens, batch_rows, limit, choice)
    progress = AnswerProgress(console)
    with telling_how_to_go_on(console):
        evaluated = evaluate_task(request, Watch(console.say, progress, progress_lines(console)))
    _finish(console, evaluated, request, as_json)


def _refuse_without_effect(context: click.Context, has_server: bool) -> None:
    """Raise UsageError naming the options that would change nothing: a server's, or those of this process."""
    idle = ("batch_rows", "dtype") if has_server else ("server_model", "in_flight")
    given = [name for name in idle if context.get_parameter_source(name) is not ParameterSource.DEFAULT]
    if not given:
        return
    options = ", ".join(f"--{name.replace('_', '-')}" for name in given)
    if has_server:
        what = say("{options} would have no effect: the server decides that", options=options)
    else:
        what = say("{options} would have no effect without --server", options=options)
    raise UsageError(Problem(what, next=say("leave out {options}", options=options)))


def _finish(console: Console, evaluated: Evaluated, request: Request, as_json: bool) -> None:
    for name, metrics in evaluated.scores.items():
        for metric, entry in metrics.items():
            console.say(say("{score}", score=f"{name} {metric} {format_entry(metric, entry, name)}"))
    if as_json:
        console.data(
            {
                "out": str(request.out),
                "status": "finished",
                "asked": evaluated.total,
                "scores": evaluated.scores,
            }
        )
    if evaluated.left_out:
        command = say(
            "leave out --limit to ask the other {n} questions too, with another --out", n=evaluated.left_out
        )
    elif request.questions == str(request.task.own_questions):
        command = say(
            "loralab score --task {task} --predictions {predictions}",
            task=request.task.name, predictions=evaluated.folder.predictions,
        )  # fmt: skip
    else:
        command = say(
            "loralab score --task {task} --predictions {predictions} --questions {questions}",
            task=request.task.name, predictions=evaluated.folder.predictions, questions=_quotable(request.questions),
        )  # fmt: skip
    console.next(command)


def _quotable(questions: str) -> Path | str:
    """A path, which is quoted for a shell, unless it is an address: a path would join its slashes."""
    return questions if is_remote(questions) else Path(questions)


class AnswerProgress:
    """Called for each answer; says a line for every 5 %, with the time left at the mean speed so far."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.given = 0
        self.seconds = 0.0
        self.twentieth: int | None = None

    def __call__(self, there: int, total: int, seconds: float) -> None:
        """Note that `there` of `total` answers are there, the last of which took so many seconds."""
        self.given += 1
        self.seconds += (
            seconds  # answers come batch by batch: by the clock the first of a batch would be slow
        )
        twentieth = 20 * there // total
        before = 20 * (there - 1) // total if self.twentieth is None else self.twentieth
        self.twentieth = twentieth
        if twentieth == before:
            return
        left = _clock(self.seconds / self.given * (total - there))
        self.console.say(say("{there} of {total} answers, {left} left", there=there, total=total, left=left))


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"


@contextlib.contextmanager
def telling_how_to_go_on(console: Console) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the block at once, with the command that goes on and their exit codes.

    Nothing needs to be finished first: what has been answered is in the folder already.
    """
    received = signal.SIGINT

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal received
        received = signal.Signals(number)
        # not an Exception: the seams around libraries must not take it for one of theirs
        raise KeyboardInterrupt

    old = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except KeyboardInterrupt:
        console.say(say("stopped; the answers so far are saved, the same command goes on"))
        console.next(say("{command}", command=command_line("loralab", *sys.argv[1:])), loudness=QUIET)
        raise Interrupted(received) from None
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
