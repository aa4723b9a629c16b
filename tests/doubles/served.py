"""The board over a folder, on a port of this machine, while a test runs."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import uvicorn

from loralab.board import RunIndex, make_app


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of the board."""
    index = RunIndex(folder)
    index.start()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(
            uvicorn.Config(make_app(index), log_level="warning", timeout_graceful_shutdown=1)
        )
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
            index.close()
