"""A folder of runs in, what is known of each out, kept up to date by one thread in the background."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path

from loralab.board.live import LiveRecord
from loralab.board.summary import Summary, summarise
from loralab.run.folder import RunFolder
from loralab.run.view import Run, list_runs

MOST_OPEN = 8  # runs whose record is kept in memory between requests
QUICK_BYTES = 2_000_000  # of events that are read within a request before anything is shown
EVERY_SECONDS = 2.0
Seen = tuple[int, int, bool]


class RunIndex:
    """The runs below a folder. Nothing is ever written there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self._lock = threading.Lock()  # of the fields below, never held while a file is read
        self._open: OrderedDict[str, LiveRecord] = OrderedDict()
        self._looked_at: tuple[str, LiveRecord] | None = None  # whose record is read for the table just now
        self._rows: dict[str, tuple[Seen, Summary]] = {}
        self._order: list[str] | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep_up, name="loralab-board-index", daemon=True)

    def start(self) -> None:
        """Begin to look at the runs."""
        self._thread.start()

    def close(self) -> None:
        """Stop looking."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def table(self) -> tuple[list[Summary], int]:
        """The rows of the runs looked at so far, the newest first, and how many are still to be looked at."""
        names = self._names()
        with self._lock:
            rows = [self._rows[name][1] for name in reversed(names) if name in self._rows]
        return rows, len(names) - len(rows)

    def open(self, name: str) -> Run | None:
        """A run with its record as of now; None if the folder has no run of that name."""
        live = self._live(name)
        return None if live is None else Run(RunFolder(self.folder / name), live.now())

    def events_of(self, name: str) -> Path | None:
        """The file of a run's events; None if the folder has no such run, or the run no such file."""
        events = RunFolder(self.folder / name).events
        return events if self._live(name) is not None and events.is_file() else None

    def opens_quickly(self, name: str) -> bool:
        """Whether little of the run's record is still to be read."""
        live = self._live(name)
        size, _, _ = _seen(RunFolder(self.folder / name))
        return live is None or size - live.bytes_read < QUICK_BYTES

    def look(self) -> None:
        """Bring the table up to date, run by run, the newest first."""
        names = [run.id for run in list_runs(self.folder)]
        with self._lock:
            self._order = names
        for name in reversed(names):
            folder = RunFolder(self.folder / name)
            seen, known = _seen(folder), self._rows.get(name)
            if known is None or known[0] != seen or known[1].status == "running":
                self._look_at(name, folder, seen)
            if self._stop.is_set():
                return

    def _look_at(self, name: str, folder: RunFolder, seen: Seen) -> None:
        with self._lock:
            live = self._open.get(name) or LiveRecord(folder)
            self._looked_at = (name, live)
        summary = summarise(Run(folder, live.now()))
        with self._lock:
            self._rows[name], self._looked_at = (seen, summary), None

    def _live(self, name: str) -> LiveRecord | None:
        """Only a folder that the table lists may be named in an address."""
        if name not in self._names() and name not in [run.id for run in list_runs(self.folder)]:
            return None
        with self._lock:
            live = self._open.pop(name, None) or self._being_read(name)
            self._open[name] = live
            while len(self._open) > MOST_OPEN:
                self._open.popitem(last=False)
            return live

    def _being_read(self, name: str) -> LiveRecord:
        """The record that the table is made from just now, if it is of that run: a long one is read once."""
        if self._looked_at and self._looked_at[0] == name:
            return self._looked_at[1]
        return LiveRecord(RunFolder(self.folder / name))

    def _names(self) -> list[str]:
        with self._lock:
            if self._order is not None:
                return self._order
        return [run.id for run in list_runs(self.folder)]

    def _keep_up(self) -> None:
        while not self._stop.is_set():
            self.look()
            self._stop.wait(EVERY_SECONDS)


def _seen(folder: RunFolder) -> Seen:
    """What changes when a run does: size and time of its events, and whether somebody holds it."""
    try:
        status = folder.events.stat()
    except OSError:
        return (0, 0, folder.lock.exists())
    return (status.st_size, status.st_mtime_ns, folder.lock.exists())
