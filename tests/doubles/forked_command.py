"""A command line in, a fork of this process that runs it out: real in all but this, that nothing is imported again."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

import pytest

from loralab.evaluate.jieba_words import cut_words

BROKEN = 70  # the fork's own code, where the command line did not come to its end
LOOK_SECONDS = 0.005
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


class ForkedCommand:
    """As much of subprocess.Popen as is used of it, for `... loralab WORDS`. Pipes are files, read at the end."""

    def __init__(
        self, args: Sequence[str], *, stdin: int | None = None, stdout: int | IO[Any] | None = None,
        stderr: int | IO[Any] | None = None, cwd: Path | None = None, env: Mapping[str, str] | None = None,
        pass_fds: Sequence[int] = (), start_new_session: bool = False,
    ) -> None:  # fmt: skip
        words = list(args)[list(args).index("loralab") + 1 :]
        self.args, self.returncode = args, None
        self._out = _opened(stdout)
        self._err = self._out if stderr == subprocess.STDOUT else _opened(stderr)
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if not self.pid:
            _become(words, (self._out, self._err), pass_fds, cwd, env, start_new_session)

    def poll(self) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.returncode = os.waitstatus_to_exitcode(status) if pid else None
        return self.returncode

    def wait(self, timeout: float = 1800.0) -> int:
        deadline = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(self.args, timeout)
            time.sleep(LOOK_SECONDS)
        return code

    def communicate(self, timeout: float = 1800.0) -> tuple[str, str]:
        self.wait(timeout)
        return _read(self._out), _read(self._err)

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


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


def _become(
    words: Sequence[str], streams: Sequence[IO[Any] | None], kept: Sequence[int], folder: Path | None,
    environment: Mapping[str, str] | None, own_session: bool,
) -> None:  # fmt: skip
    """The fork: never returns. It keeps what is imported, and no file, handler, filter or setting of its parent."""
    code = BROKEN
    try:
        for number, stream in enumerate(streams, start=1):
            if stream is not None:
                os.dup2(stream.fileno(), number)
        if own_session:
            os.setsid()
        _let_go_of_files(kept)
        _begin_afresh()
        if folder is not None:
            os.chdir(folder)
        if environment is not None:
            os.environ.clear()
            os.environ.update(environment)
        code = _run(words)
    except BaseException:  # the fork must not go on as a copy of its parent
        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _let_go_of_files(kept: Sequence[int]) -> None:
    """Nothing else that the parent has open stays so: sockets and locks above all, which would outlive it.

    Their numbers stay taken. What still holds one of them here will close it one day, and must not close another's.
    """
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    for number in [int(path.name) for path in Path("/proc/self/fd").iterdir()]:
        if number > 2 and number not in kept:
            with contextlib.suppress(OSError):  # that of the listing itself
                os.fstat(number)
                os.dup2(nowhere, number)


def _begin_afresh() -> None:
    for number in HANDLED:
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    logging.disable(logging.NOTSET)
    warnings.resetwarnings()
    warnings.simplefilter("ignore")
    sys.stdin, sys.stdout, sys.stderr = (
        open(number, mode, encoding="utf-8", closefd=False, buffering=1)  # noqa: SIM115
        for number, mode in enumerate(("r", "w", "w"))
    )


def _run(words: Sequence[str]) -> int:
    from loralab.cli.main import run

    sys.argv = ["loralab", *words]
    try:
        run()
    except SystemExit as end:
        assert isinstance(end.code, int)
        return end.code
    raise AssertionError("the entry point always exits")
