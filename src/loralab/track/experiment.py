"""The events of a run in, the id of its experiment in a tracker out.

The same record always gives the same id, so that what is sent twice goes to one experiment. A tracker keeps
the first value of a step. So a resume goes on in the same experiment only if all that was sent before still
counts: the run had come to an end with its last step saved, as after Ctrl-C. A resume that goes back behind
recorded steps, or that follows a kill, starts another experiment, which gets the whole history.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from loralab.run.events import Event
from loralab.track.curves import ENDINGS

ID_DIGITS = 21  # what SwanLab's servers have always taken


def experiment_id(name: str, events: Sequence[Event]) -> str:
    """21 hex digits for a run folder's name and its events."""
    start = events[0].get("time", "") if events else ""
    text = f"{name} {start} {_branch(events)}"
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:ID_DIGITS]


def _branch(events: Sequence[Event]) -> int:
    """The seq of the last resume that did not go on exactly where the run had ended; 0 without one."""
    branch = step = 0
    ended = False
    for event in events:
        if event["kind"] == "run_resumed":
            if not ended or int(event["from_step"]) < step:
                branch = int(event["seq"])
            ended = False
        elif event["kind"] in ENDINGS:
            ended = True
        elif event["kind"] == "step":
            step = int(event["step"])
    return branch
