"""The run folder: the one record of a run, written by one process, read by everything else."""

from loralab.run.events import Event, EventWriter, Record, read_events
from loralab.run.folder import RunFolder, create_run_folder, open_run_folder, slug
from loralab.run.lock import RunLock
from loralab.run.view import Run, list_runs, open_run

__all__ = [
    "Event",
    "EventWriter",
    "Record",
    "Run",
    "RunFolder",
    "RunLock",
    "create_run_folder",
    "list_runs",
    "open_run",
    "open_run_folder",
    "read_events",
    "slug",
]
