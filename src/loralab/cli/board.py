"""`loralab board`: a folder of runs in, pages on this machine out until Ctrl-C."""

from __future__ import annotations

import socket
import webbrowser
from pathlib import Path

import click

from loralab.cli.console import QUIET, Console, common, pass_console
from loralab.errors import Problem, UsageError
from loralab.extras import need
from loralab.words import say

DEFAULT = Path("runs")
HOST = "127.0.0.1"
PORT, MORE_PORTS = 8765, 20
SHUTDOWN_SECONDS = 1  # pages that follow a run never end by themselves


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default=DEFAULT)
@click.option("--port", type=click.IntRange(0, 65535), default=None, help=f"Port on {HOST}; {PORT} or the next free one by default, 0 for any.")  # fmt: skip
@click.option("--open", "open_browser", is_flag=True, help="Open a browser.")
@common
@pass_console
def board(console: Console, folder: Path, port: int | None, open_browser: bool) -> None:
    """Show the runs in FOLDER (runs/ by default) in a browser: table, curves, answers, comparison, all live.

    Only this machine can see it. From elsewhere: ssh -L 8765:127.0.0.1:8765 HOST.
    """
    need("loralab board", "starlette", "uvicorn", "markdown_it", extra="board")
    if not folder.is_dir():
        raise UsageError(
            Problem(
                say("no such folder"),
                str(folder),
                next=say("loralab board FOLDER, with the folder of your runs"),
            )
        )
    import uvicorn

    from loralab.board import RunIndex, make_app

    with _bound(port) as listener:
        address = f"http://{HOST}:{listener.getsockname()[1]}"
        console.say(say("board of {folder}: {address}", folder=folder, address=address), loudness=QUIET)
        console.say(say("Ctrl-C ends it; the runs go on"))
        index = RunIndex(folder)
        index.start()
        if open_browser:
            webbrowser.open(address)
        config = uvicorn.Config(make_app(index, console.language), log_level="warning", access_log=False,
                                timeout_graceful_shutdown=SHUTDOWN_SECONDS, server_header=False)  # fmt: skip
        try:
            uvicorn.Server(config).run(sockets=[listener])
        finally:
            index.close()


def _bound(port: int | None) -> socket.socket:
    """A socket on this machine alone. Raises UsageError if the port asked for is taken."""
    for number in range(PORT, PORT + MORE_PORTS) if port is None else (port,):
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, number))
        except OSError:
            listener.close()
            continue
        return listener
    raise UsageError(
        Problem(
            say("port {port} is taken", port=port or PORT),
            next=say("loralab board --port 0, for any that is free"),
        )
    )
