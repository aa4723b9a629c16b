"""The SwanLab mirror as a sink: events in, lines on the standard input of a child process out.

SwanLab runs in a process of its own (`swanlab_child.py`), because its import is slow, it takes over signals
and console, and its finish() can hang for minutes. What it prints goes to `track/swanlab/child.log`; its
record lies beside it. The child works in that folder, so that a `.env` or `swanlab.yaml` of the user's
working folder, which would outrank everything said here, is not read.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import subprocess
import sys
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from loralab.run.events import Event
from loralab.run.files import dump_json
from loralab.run.folder import RunFolder
from loralab.track.curves import clean
from loralab.track.fanout import SinkFailed

CHILD_MODULE = "loralab.track.swanlab_child"
CLOSE_SECONDS = 12.0
END_SECONDS = 1.0
Mode = Literal["online", "offline", "local"]

# All other SWANLAB_ variables are kept from the child: some end every init (SWANLAB_PROJECT, which
# Transformers documents), some call a webhook even offline, and SWANLAB_DEBUG prints the key.
KEPT_VARIABLES = ("SWANLAB_API_KEY", "SWANLAB_API_HOST", "SWANLAB_WEB_HOST", "SWANLAB_WORKSPACE")
KEPT_FOLDERS = ("SWANLAB_ROOT", "SWANLAB_SAVE_DIR", "SWANLAB_CONFIG_DIR", "SWANLAB_SECRETS_DIR")


class SwanLabSink:
    """One SwanLab run for one run of ours; `settings` are shown as its hyper-parameters.

    `mode` auto is online where a key exists (`SWANLAB_API_KEY` or SwanLab's login file), else offline.
    Online never falls back: without a connection the sink fails with one line and the run goes on.
    """

    name = "swanlab"

    def __init__(
        self,
        mode: Literal["auto", "online", "offline", "local"],
        project: str,
        title: str,
        settings: Mapping[str, Any],
        close_seconds: float = CLOSE_SECONDS,
    ) -> None:
        self._mode, self._project, self._title, self._settings = mode, project, title, settings
        self._close_seconds = close_seconds
        self._child: subprocess.Popen[bytes] | None = None

    def open(self, run: RunFolder) -> None:
        """Start the child and wait until SwanLab has a run, so that events wait where they are counted."""
        folder = run.track(self.name).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        mode = choose_mode(self._mode, os.environ, Path.cwd())
        with (folder / "child.log").open("ab") as log:
            self._child = subprocess.Popen(
                [sys.executable, "-P", "-m", CHILD_MODULE],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=folder,
                env=child_environment(os.environ, Path.cwd()),
                start_new_session=True,  # Ctrl-C in the terminal is for the run, which then closes its sinks
            )
        self._send({"open": {**self._names(run), "mode": mode, "events": str(run.events.absolute())}})
        self._expect("ready")

    def handle(self, event: Event) -> None:
        """Pass one event on."""
        if self._process.poll() is not None:
            raise self._failure()
        self._send({"event": event})

    def close(self, status: str) -> None:
        """Ask SwanLab to finish; after `close_seconds` its process is ended and the mirror has failed."""
        self._send({"close": status})
        try:
            self._process.wait(self._close_seconds)
        except subprocess.TimeoutExpired:
            self._end()
            raise SinkFailed(
                f"SwanLab did not finish within {self._close_seconds:g} s and was ended;"
                " what had not been uploaded is in the run folder"
            ) from None
        self._expect("finished")
        self._release()

    def abandon(self) -> None:
        """End the child at once."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            self._release()

    @property
    def _process(self) -> subprocess.Popen[bytes]:
        assert self._child is not None
        return self._child

    def _names(self, run: RunFolder) -> dict[str, Any]:
        project = project_name(self._project)
        title = clean(self._title).strip()[:512] or run.path.name
        told = f"{self._project} · " if project != self._project else ""
        return {
            "project": project,
            "name": title,
            "description": clean(f"{told}{run.path.name}")[:1024],
            "settings": dict(self._settings),
        }

    def _send(self, message: Mapping[str, Any]) -> None:
        stream = self._process.stdin
        assert stream is not None
        try:
            stream.write(dump_json(message).encode("utf-8") + b"\n")
            stream.flush()
        except OSError:
            raise self._failure() from None

    def _expect(self, word: str) -> None:
        reply = self._reply()
        if word not in reply:
            raise self._failure(reply)

    def _reply(self) -> Mapping[str, Any]:
        stream = self._process.stdout
        assert stream is not None
        line = stream.readline() if not stream.closed else b""
        value = json.loads(line) if line.endswith(b"\n") else {}
        return value if isinstance(value, dict) else {}

    def _failure(self, reply: Mapping[str, Any] | None = None) -> SinkFailed:
        """Why the child is gone, in its own words where it left some."""
        reply = self._reply() if reply is None else reply
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(END_SECONDS)
        self._end()
        code = self._process.returncode
        return SinkFailed(str(reply.get("failed") or f"SwanLab's process ended with code {code}"))

    def _end(self) -> None:
        """Terminate, then kill."""
        for stop in (self._process.terminate, self._process.kill):
            if self._process.poll() is None:
                stop()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(END_SECONDS)
        self._release()

    def _release(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            with contextlib.suppress(OSError):  # what is left in the buffer of a broken pipe
                stream.close()


def project_name(project: str) -> str:
    """A project as SwanLab accepts it: up to 100 of A-Z a-z 0-9 _ - + and dot.

    A name that loses letters, such as a Chinese one, gets 8 hex digits of its hash: it stays the same
    from run to run and different names stay apart.
    """
    text = unicodedata.normalize("NFKC", project).strip()
    plain = re.sub(r"[^0-9a-zA-Z_\-+.]+", "-", text).strip("-.")
    if plain and len(plain) <= 100 and not re.search(r"[^\W\d_]", re.sub(r"[a-zA-Z]", "", text)):
        return plain
    digits = hashlib.sha256(project.encode("utf-8", "replace")).hexdigest()[:8]
    return f"{plain[:80].rstrip('-.') or 'loralab'}-{digits}"


def choose_mode(
    mode: Literal["auto", "online", "offline", "local"], environment: Mapping[str, str], folder: Path
) -> Mode:
    """What `auto` means here and now; a SWANLAB_MODE that keeps data on this machine is heeded."""
    if mode != "auto":
        return mode
    asked = environment.get("SWANLAB_MODE", "").strip().lower()
    if asked in ("offline", "local", "disabled"):
        return "offline"
    key = environment.get("SWANLAB_API_KEY", "").strip()
    return "online" if key or login_folder(environment, folder) else "offline"


def login_folder(environment: Mapping[str, str], folder: Path) -> Path | None:
    """The folder with the login that `swanlab login` saved: the working folder's, else the user's."""
    home = environment.get("SWANLAB_ROOT") or environment.get("SWANLAB_SAVE_DIR") or Path.home() / ".swanlab"
    for place in (folder / ".swanlab", folder / home):
        with contextlib.suppress(OSError, UnicodeDecodeError):
            if "password" in (place / ".netrc").read_text("utf-8"):
                return place
    return None


def child_environment(environment: Mapping[str, str], folder: Path) -> dict[str, str]:
    """The environment of the child, made to hold in another working folder than ours."""
    kept = {name: value for name, value in environment.items() if not name.upper().startswith("SWANLAB_")}
    kept |= {name: environment[name] for name in KEPT_VARIABLES if environment.get(name, "").strip()}
    kept |= {name: str(folder / environment[name]) for name in KEPT_FOLDERS if environment.get(name)}
    login = login_folder(environment, folder)
    if login is not None:
        kept["SWANLAB_ROOT"] = str(login)
    return kept | {
        "PYTHONPATH": os.pathsep.join(str(folder / entry) for entry in sys.path if entry),
        "PYTHONUTF8": "1",  # SwanLab's greeting holds characters that other encodings lack
        "COLUMNS": "400",  # unbroken lines, in which a key can be found and struck out
        "NO_COLOR": "1",
    }
