"""The `loralab` command: verbs by name, imported when they are used; errors become words and exit codes."""

from __future__ import annotations

import difflib
import importlib
import io
import os
import signal
import sys
import tempfile
import traceback
from pathlib import Path

import click

from loralab.cli.console import QUIET, Console, common
from loralab.cli.leave import leave
from loralab.errors import EXIT_FAILED, EXIT_USAGE, Interrupted, RunFailed, UserError
from loralab.safe_text import one_line, visible, without_secrets
from loralab.words import choose_language, say

VERBS = {
    "init": "Write a commented config to start from.",
    "check": "Look at data and config before a model loads.",
    "prepare": "Write the cleaned, split rows for any other tool.",
    "train": "Train, evaluate and record one run.",
    "resume": "Carry an interrupted run on.",
    "eval": "Answer and score a benchmark with a model, adapter or run.",
    "score": "Score a prediction file as a benchmark does.",
    "show": "Show a run: scores, curves, verdict.",
    "watch": "Follow a run as it goes.",
    "ls": "List runs.",
    "report": "Write a run's report page.",
    "compare": "Compare runs: what is better, and at what cost.",
    "study": "Train every cell of a study and compare them.",
    "board": "Show runs in a browser, live.",
    "sync": "Make a run's SwanLab record whole, and send it.",
    "fetch": "Download a model from a hub.",
    "env": "Show the machine and the software.",
    "demo": "Run the whole line on the built-in model and data.",
}

# Set before any dependency is imported; children inherit them. What the user sets wins.
SWITCHES = {
    "HF_HUB_DISABLE_TELEMETRY": "1",  # huggingface_hub, transformers
    "DO_NOT_TRACK": "1",  # the general one
    "RAY_USAGE_STATS_ENABLED": "0",
    "WANDB_ERROR_REPORTING": "false",
    "TOKENIZERS_PARALLELISM": "false",  # no telemetry: tokenizers would warn of forks
}


class Verbs(click.Group):
    """A group whose commands live in one module each and are imported on use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All verbs, in the order of use."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return the command of a verb."""
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"loralab.cli.{cmd_name}")
        command = getattr(module, cmd_name)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command; an unknown one is answered with the nearest name."""
        name = args[0]
        if name not in VERBS and not name.startswith("-"):
            near = difflib.get_close_matches(name, VERBS, n=1)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            ctx.fail(f"No such command '{name}'.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The verbs with one line each, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="loralab", message="%(prog)s %(version)s")
@common
def main() -> None:
    """LoRA fine-tuning of chat models as recorded, comparable experiments.

    Exit codes: 0 done, 1 the run failed, 2 usage or config, 3 data, 4 memory or disk, 5 comparison refused,
    130 Ctrl-C, 143 SIGTERM.
    """


def run() -> None:
    """Entry point: run the command line and leave with its exit code."""
    for name, value in SWITCHES.items():
        os.environ.setdefault(name, value)
    console = Console(choose_language(_language_option(sys.argv[1:])))
    leave(_exit_code(console))


def _language_option(arguments: list[str]) -> str | None:
    """--lang wherever it stands, so that errors of the command line itself are in that language too."""
    for index, word in enumerate(arguments):
        if word.startswith("--lang="):
            return word.partition("=")[2]
        if word == "--lang" and index + 1 < len(arguments):
            return arguments[index + 1]
    return None


def _exit_code(console: Console) -> int:  # noqa: PLR0911  one return for each kind of end
    try:
        result = main.main(prog_name="loralab", standalone_mode=False, obj=console)
        return result if isinstance(result, int) else 0
    except click.ClickException as error:
        _tell_misuse(error)
        return EXIT_USAGE if isinstance(error, click.UsageError) else error.exit_code
    except UserError as error:
        click.echo(without_secrets(error.text(console.language)), err=True)
        return error.exit_code
    except RunFailed as error:
        click.echo(without_secrets(error.problem.text(console.language)), err=True)
        if error.log:
            console.say(say("log: {path}", path=error.log), loudness=QUIET)
        return error.exit_code
    except Interrupted as error:
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        return 128 + signal.SIGINT
    except BrokenPipeError:
        # the reader of stdout has gone, as `| head` does; nothing is left to say
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    except (
        Exception
    ) as error:  # top of the command line: a bug of ours must end in words, with the trace in a file
        return _bug(console, error)


def _tell_misuse(error: click.ClickException) -> None:
    """What click says; a word of the command that it repeats may be a file name that a shell filled in."""
    said = io.StringIO()
    error.show(said)
    usage, mark, _ = said.getvalue().partition("Error: ")
    click.echo(f"{visible(usage)}{mark}{one_line(without_secrets(error.format_message()))}", err=True)


def _bug(console: Console, error: Exception) -> int:
    with tempfile.NamedTemporaryFile("w", prefix="loralab-error-", suffix=".log", delete=False) as log:
        log.write(visible(without_secrets("".join(traceback.format_exception(error)))))
    kind, text = type(error).__name__, without_secrets(str(error))
    console.say(say("this is a bug in loralab: {kind}: {error}", kind=kind, error=text), loudness=QUIET)
    console.say(say("log: {path}", path=Path(log.name)), loudness=QUIET)
    return EXIT_FAILED
