"""A tracker's process whose tracker does what `open` tells it: nothing, raise, die, hang, or count on."""

import os
import sys
import threading
import time

from loralab.track.child import Tracker, main


class Paper:
    """Notes marks, and misbehaves in the place that `names` give."""

    def __init__(self, names, events):
        self.names, self.marks = names, []
        self._do("begin")

    def write(self, mark, when):
        self.marks.append(mark)
        self._do("write")

    def end(self, status, error):
        self._do("end")
        time.sleep(self.names.get("seconds", 0))

    def _do(self, place):
        match self.names.get(place):
            case "raise":
                raise ValueError(f"no\nroom for {os.environ['FAKE_KEY']}")
            case "die":
                os._exit(7)
            case "hang":
                threading.Event().wait()
            case "print":
                print("the key is", os.environ["FAKE_KEY"])
                print("a reply of its own", file=sys.__stdout__, flush=True)


if __name__ == "__main__":
    main(
        Tracker(
            "fake", "Fake", lambda names: set(), Paper,
            ready=lambda writer: {"id": "x"},
            outcome=lambda names, writer: {"marks": len(writer.marks)},
            progress=lambda writer: {"done": len(writer.marks)},
        ),
        "FAKE_KEY",
    )  # fmt: skip
