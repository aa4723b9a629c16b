"""A run folder whose events go to a sink, as a training run would send them."""

import time

from fake_sinks import Failures

from loralab.run import EventWriter, Run, RunFolder
from loralab.track import Fanout, verify
from loralab.track.fanout import CLOSE_SECONDS
from loralab.track.verify import read_records


class Trial:
    """A run folder, a sink, and the events between them."""

    def __init__(self, path, sink):
        self.folder = RunFolder(path / "0001-trial")
        self.folder.path.mkdir(parents=True, exist_ok=True)
        self.writer = EventWriter(self.folder.events)
        self.sink = sink
        self.failures = Failures()
        self.fanout = Fanout([self.sink], self.folder, self.failures)

    def emit(self, kind, **fields):
        self.fanout.publish(self.writer.append(kind, **fields))

    def steps(self, first, last, loss=None):
        for step in range(first, last + 1):
            self.emit("step", step=step, epoch=step / 10, loss=loss or 1 / step, grad_norm=2.0,
                      learning_rate=1e-4, tokens=300, label_tokens=100, rows=4, seconds=0.5,
                      peak_bytes=2**30)  # fmt: skip

    def stage(self, name, questions, value):
        self.emit("stage_started", stage=name)
        for number in range(1, questions + 1):
            self.emit("prediction", stage=name, id=f"id{number}", question=f"问题 {number}\r\n?",
                      answer=f"{name} 答 {number}", reference=f"参考 {number}")  # fmt: skip
        self.emit("scored", stage=name, task="heldout", metric="loss", value=value, low=0.0, high=9.0, n=5)
        self.emit("stage_finished", stage=name, seconds=1.0)

    def close(self, status="finished", seconds=CLOSE_SECONDS):
        self.fanout.close(status, seconds)
        self.writer.close()

    @property
    def mirror(self):
        return verify(Run(self.folder))

    @property
    def swanlab_runs(self):
        files = self.folder.track("swanlab").glob("run-*/run-*.swanlab")
        return sorted(
            (list(read_records(path)) for path in files), key=lambda r: r[0].start.started_at.ToNanoseconds()
        )


def wait_for(condition, seconds=15):
    """Return once a condition holds: another process or thread gets there in its own time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)
