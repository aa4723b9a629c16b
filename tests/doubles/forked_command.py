"""A command line in, a fork of this process that runs it out: real in all but this, that nothing is imported again."""

from __future__ import annotations

import importlib
import logging
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

import pytest

from doubles.fork import Fork, command_line, let_go_of_files, open_streams, usual_warnings
from loralab.evaluate.jieba_words import cut_words

HANDLED = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)  # by this process in ways of its own
NAMES = {name: getattr(subprocess, name) for name in ("DEVNULL", "PIPE", "STDOUT", "TimeoutExpired")}
NEEDED = (
    "peft", "transformers.models.qwen2.modeling_qwen2", "loralab.cli.train", "loralab.train.execute", "loralab.train.resume",
    "loralab.engine.fast.engine", "loralab.report", "loralab.words_zh",
)  # fmt: skip
TORCHRUN = "torch.distributed.elastic.multiprocessing.subprocess_handler.subprocess_handler"


def fork(*words: str | Path, cwd: Path) -> ForkedCommand:
    """As doubles.command.start, of a process that has torch, PEFT, loralab and the dictionary of scores."""
    for name in NEEDED:
        importlib.import_module(name)
    assert cut_words("依法处理")
    command = ["loralab", *map(str, words)]
    return ForkedCommand(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=cwd)


def fork_commands(patch: pytest.MonkeyPatch, *modules: str) -> None:
    """From now on these modules, and torchrun, fork the processes of loralab that they start."""
    for module in modules:
        patch.setattr(f"{module}.subprocess", SimpleNamespace(Popen=ForkedCommand, **NAMES))
    patch.setattr(f"{TORCHRUN}.Popen", ForkedCommand)


class ForkedCommand(Fork):
    """For `... loralab WORDS`. Pipes are files, read at the end."""

    def __init__(
        self, args: Sequence[str], *, stdin: int | None = None, stdout: int | IO[Any] | None = None,
        stderr: int | IO[Any] | None = None, cwd: Path | None = None, env: Mapping[str, str] | None = None,
        pass_fds: Sequence[int] = (), start_new_session: bool = False,
    ) -> None:  # fmt: skip
        words = list(args)[list(args).index("loralab") + 1 :]
        self._out = _opened(stdout)
        self._err = self._out if stderr == subprocess.STDOUT else _opened(stderr)
        streams = (self._out, self._err)
        super().__init__(partial(_live, words, streams, pass_fds, cwd, env, start_new_session), args)

    def communicate(self, timeout: float = 1800.0) -> tuple[str, str]:
        self.wait(timeout)
        return _read(self._out), _read(self._err)


def _opened(stream: int | IO[Any] | None) -> IO[Any] | None:
    if isinstance(stream, int):
        assert stream == subprocess.PIPE
        return tempfile.TemporaryFile()
    return stream


def _read(stream: IO[Any] | None) -> str:
    assert stream is not None
    with stream:
        stream.seek(0)
        return str(stream.read(), "utf-8")


def _live(
    words: Sequence[str], streams: Sequence[IO[Any] | None], kept: Sequence[int], folder: Path | None,
    environment: Mapping[str, str] | None, own_session: bool,
) -> int:  # fmt: skip
    """In the fork. It keeps what is imported, and no file, handler, filter or setting of its parent."""
    for number, stream in enumerate(streams, start=1):
        if stream is not None:
            os.dup2(stream.fileno(), number)
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    if own_session:
        os.setsid()
    let_go_of_files(kept)
    _begin_afresh()
    if folder is not None:
        os.chdir(folder)
    if environment is not None:
        os.environ.clear()
        os.environ.update(environment)
    return command_line(words)


def _begin_afresh() -> None:
    for number in HANDLED:
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    logging.disable(logging.NOTSET)
    usual_warnings()
    open_streams()
