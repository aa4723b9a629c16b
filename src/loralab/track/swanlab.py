"""The SwanLab mirror as a sink: events in, lines on the standard input of a child process out.

SwanLab runs in a process of its own (`swanlab_child.py`), because its import is slow, it takes over signals
and console, and its finish() can hang for minutes. What it prints goes to `track/swanlab/child.log`; its
record lies beside it. The child works in that folder, so that a `.env` or `swanlab.yaml` of the user's
working folder, which would outrank everything said here, is not read.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from loralab.run.events import Event
from loralab.run.folder import RunFolder
from loralab.track.checked import checked_file, keep_checked
from loralab.track.curves import clean
from loralab.track.fanout import SinkFailed, tracker_seconds
from loralab.track.process import Child, Reply, python_path
from loralab.track.verify import Mirror

CHILD_MODULE = "loralab.track.swanlab_child"
CLOSE_SECONDS = 12.0
LATE_SHARE = (
    0.6  # of the time to finish: from then on the record on disk is looked at without waiting for SwanLab
)
Mode = Literal["online", "offline", "local"]
Asked = Literal["auto", "online", "offline", "local"]

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
        mode: Asked,
        project: str,
        title: str,
        settings: Mapping[str, Any],
        close_seconds: float = CLOSE_SECONDS,
    ) -> None:
        self._mode, self._project, self._title, self._settings = mode, project, title, settings
        self._close_seconds = close_seconds
        self._child: Child | None = None
        self._folder = RunFolder(Path())

    def open(self, run: RunFolder) -> None:
        """Start the process; SwanLab's run begins with the first event, which tells whether one goes on."""
        self._folder = run
        checked_file(run, self.name).unlink(missing_ok=True)  # of an earlier attempt
        self._mode = choose_mode(self._mode, os.environ, Path.cwd())
        self._child = start_child(run)
        names = names_of(run, self._project, self._title, self._settings)
        self._child.send({"open": {**names, "mode": self._mode, **_watched(self._mode)}})

    def handle(self, event: Event) -> None:
        """Pass one event on."""
        assert self._child is not None
        self._child.pass_on(event)

    def close(self, status: str) -> None:
        """Ask SwanLab to finish and compare its record with events.jsonl.

        After `close_seconds`, less for a run that was stopped, the process is ended and the mirror has failed, as
        it has if anything is missing.
        """
        assert self._child is not None
        seconds = tracker_seconds(status, self._close_seconds)
        self._child.send({"close": status, "late_seconds": LATE_SHARE * seconds})
        try:
            told = self._child.expect("finished", seconds)
        except TimeoutError:
            self._child.end()
            self._keep(self._child.told, finished=False)
            raise SinkFailed(
                f"SwanLab did not finish within {seconds:g} s and was ended;"
                " what had not been uploaded is in the run folder: loralab sync sends it"
            ) from None
        self._child.end_quietly()
        mirror = self._keep(told, finished=True)
        if told.get("refused"):
            raise SinkFailed(f"SwanLab's server refused {told['refused']} records: {told.get('reason')}")
        if mirror and not mirror.whole:
            raise SinkFailed(f"SwanLab's record lacks {mirror.missing}: loralab sync makes it whole")

    def abandon(self) -> None:
        """End the process at once."""
        if self._child is not None:
            self._child.kill()

    def _keep(self, told: Mapping[str, Any], finished: bool) -> Mirror | None:
        """Note in the run folder what the mirror holds."""
        if "mirror" not in told:
            return None
        mirror = Mirror(**told["mirror"])
        keep_checked(self._folder, self.name, self._mode, mirror, finished=finished)
        return mirror


def start_child(run: RunFolder, on_progress: Callable[[Reply], None] = lambda reply: None) -> Child:
    """SwanLab's process for a run."""
    folder = run.track(SwanLabSink.name).absolute()
    return Child("SwanLab", CHILD_MODULE, folder, child_environment(os.environ, Path.cwd()), on_progress)


def names_of(run: RunFolder, project: str, title: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What a SwanLab run is called and shows."""
    name = project_name(project)
    told = f"{project} · " if name != project else ""
    return {
        "run": run.path.name,
        "events": str(run.events.absolute()),
        "project": name,
        "name": clean(title).strip()[:512] or run.path.name,
        "description": clean(f"{told}{run.path.name}")[:1024],
        "settings": dict(settings),
    }


def _watched(mode: Mode) -> dict[str, str]:
    """In local mode, the folder that a user's `swanlab watch` looks at, where SwanLab's own variable names one."""
    given = os.environ.get("SWANLAB_LOG_DIR") or os.environ.get("SWANLAB_LOGDIR") or ""
    return {"log_dir": str(Path(given).absolute())} if mode == "local" and given.strip() else {}


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


def choose_mode(mode: Asked, environment: Mapping[str, str], folder: Path) -> Mode:
    """What `auto` means here and now; a SWANLAB_MODE that keeps data on this machine is heeded."""
    if mode != "auto":
        return mode
    asked = environment.get("SWANLAB_MODE", "").strip().lower()
    if asked in ("offline", "local", "disabled"):
        return "offline"
    return "online" if has_key(environment, folder) else "offline"


def has_key(environment: Mapping[str, str], folder: Path) -> bool:
    """Whether a key for SwanLab's server can be found."""
    return bool(environment.get("SWANLAB_API_KEY", "").strip() or login_folder(environment, folder))


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
        **python_path(folder),
        "PYTHONUTF8": "1",  # SwanLab's greeting holds characters that other encodings lack
        "COLUMNS": "400",  # unbroken lines, in which a key can be found and struck out
        "NO_COLOR": "1",
    }
