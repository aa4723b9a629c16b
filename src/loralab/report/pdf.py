"""A page on disk in, the same as a PDF file out, printed by a Chromium or Chrome that is installed, without network."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from loralab.errors import Problem, ResourceError, UsageError
from loralab.run.files import write_bytes, writing
from loralab.words import say

VARIABLE = "CHROMIUM"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
LIMIT_SECONDS = 120.0
# No window and no first questions; no header with the file's path and the date; no way out: every name and address
# goes to a port of this machine where nothing listens. Scripts are kept out by the page's own policy: without any,
# Chromium prints nothing.
SWITCHES = (
    "--headless", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--no-default-browser-check",
    "--no-pdf-header-footer", "--print-to-pdf-no-header",
    "--host-resolver-rules=MAP * ~NOTFOUND", "--proxy-server=http://127.0.0.1:9", "--disable-background-networking",
    "--disable-component-update", "--disable-default-apps", "--disable-domain-reliability", "--disable-extensions",
    "--disable-sync", "--disable-breakpad", "--disable-crash-reporter", "--no-pings", "--password-store=basic",
)  # fmt: skip


def find_browser(environment: Mapping[str, str] = os.environ) -> Path:
    """The program that $CHROMIUM names, else the first of the usual names that is there.

    Raises UsageError if there is none.
    """
    if named := environment.get(VARIABLE):
        found = shutil.which(named, path=environment.get("PATH"))
        if found is None:
            what = say("names no program that can be started: {program}", program=named)
            raise UsageError(
                Problem(what, VARIABLE, next=say("set CHROMIUM to the path of Chromium or Chrome"))
            )
        return Path(found)
    for name in NAMES:
        if found := shutil.which(name, path=environment.get("PATH")):
            return Path(found)
    raise UsageError(
        Problem(
            say("needs Chromium or Chrome, and none is installed: {names}", names=", ".join(NAMES)), "--pdf",
            next=say("install chromium, or set CHROMIUM to its path; any browser can print report.html to a file too"),
        )
    )  # fmt: skip


def write_pdf(page: Path, target: Path, browser: Path, limit_seconds: float = LIMIT_SECONDS) -> Path:
    """Print a page into a PDF file, whole or not at all; returns its path.

    Raises UsageError if the browser makes none, ResourceError if it takes longer than `limit_seconds` or the file
    cannot be written.
    """
    with _folder_beside(target) as folder:
        made, said = folder / "page.pdf", folder / "said.txt"
        code = _ended(_command(browser, page, made, folder), said, limit_seconds, folder)
        if code is None:
            raise ResourceError(
                Problem(
                    say("printed no PDF within {seconds:g} seconds, and was ended", seconds=limit_seconds), str(browser),
                    next=say("try again while the machine is less busy, or print {page} in a browser", page=page),
                )
            )  # fmt: skip
        data = made.read_bytes() if made.is_file() else b""
        if code or not data.startswith(b"%PDF"):
            raise _nothing_printed(browser, page, code, said)
        write_bytes(target, data)
    return target


def _command(browser: Path, page: Path, made: Path, folder: Path) -> list[str]:
    # root has no sandbox to give away: Chromium starts for root only without one. Anyone else keeps it
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    places = [f"--user-data-dir={folder / 'profile'}", f"--print-to-pdf={made}"]
    return [str(browser), *SWITCHES, *sandbox, *places, page.absolute().as_uri()]


def _ended(command: list[str], said: Path, limit_seconds: float, folder: Path) -> int | None:
    """The exit code of a command; None if it had to be ended. None of the processes that it started stays."""
    with said.open("wb") as words:
        process = _started(command, words, folder)
        try:
            return process.wait(limit_seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:  # also on Ctrl-C, which a process of another session does not get
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _started(command: list[str], words: BinaryIO, folder: Path) -> subprocess.Popen[bytes]:
    # crash reports and settings of the desktop would go to the user's own folders, whatever the profile
    places = {"XDG_CONFIG_HOME": str(folder / "config"), "XDG_CACHE_HOME": str(folder / "cache")}
    try:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=words, stderr=words, start_new_session=True,
            env={**os.environ, **places},
        )  # fmt: skip
    except OSError as error:
        what = say("cannot be started: {reason}", reason=error.strerror)
        raise UsageError(
            Problem(what, command[0], next=say("set CHROMIUM to the path of Chromium or Chrome"))
        ) from None


@contextlib.contextmanager
def _folder_beside(target: Path) -> Iterator[Path]:
    """A folder for the browser's profile and its output, removed in the end.

    It lies beside the target, as browsers that come as a snap do not see the system's folder for such things.
    """
    with writing(target):
        folder = Path(
            tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.absolute().parent)
        )
    try:
        yield folder
    finally:
        _remove(folder)


def _remove(folder: Path) -> None:
    """Delete a folder in which a process that was just killed may still have made a file."""
    for _ in range(20):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.1)


def _nothing_printed(browser: Path, page: Path, code: int, said: Path) -> UsageError:
    lines = [line.strip() for line in said.read_text("utf-8", "replace").split("\n")]
    # a machine without a desktop has no message bus, which Chromium tells at length and does not need
    words = next((line for line in reversed(lines) if line and "dbus" not in line), "")
    return UsageError(
        Problem(
            say("printed no PDF (exit code {code})", code=code), str(browser),
            say("its last words: {words}", words=words) if words else None,
            say("set CHROMIUM to another browser, or print {page} in one", page=page),
        )
    )  # fmt: skip
