"""A row of the table of faults in, a run of the product that met its fault out, carried on to its end."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from doubles.fake_cloud import cloud
from faults.failing_disk import as_seen_by
from faults.forked import Forked
from faults.meter import Meter
from loralab.run.folder import RunFolder
from loralab.run.view import Run, open_run

KEY = "k3y0fs0me0ne"
GATE_SECONDS = 60.0
STOPPED = (-9, -1, 130, 143)


@dataclass
class Scene:
    """One run and what it meets. `gates` are steps after which it waits, until the harness has done something."""

    config: Path
    folder: Path
    server: Any
    gates: tuple[int, ...] = ()
    process: Forked | None = None
    codes: list[int] = field(default_factory=list)

    @property
    def run(self) -> RunFolder:
        """The run's folder, which is there once training begins."""
        return RunFolder(next((self.folder / "runs").glob("0001-*")))

    @property
    def seen(self) -> RunFolder:
        """The same folder with the mounts that only the run has."""
        assert self.process
        return RunFolder(as_seen_by(self.process.pid, self.run.path))

    def tracker(self) -> int:
        """The process of the tracker."""
        assert self.process
        (pid,) = children_of(self.process.pid)
        return pid

    def wait_for(self, condition: Callable[[], object]) -> None:
        """Return once something is so in the run or at its server; it must come to that."""
        deadline = time.monotonic() + GATE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"waited too long: {self.folder}"
            time.sleep(0.01)

    def gate(self, event: Mapping[str, Any]) -> None:
        """In the training process: wait at a gate until it is open."""
        if event["kind"] == "step" and event["step"] in self.gates:
            self._at(event["step"], "reached").touch()
            self.wait_for(self._at(event["step"], "open").exists)

    def is_at(self, step: int) -> bool:
        """Whether the run waits at a gate."""
        return self._at(step, "reached").exists()

    def open(self, step: int) -> None:
        """Let the run go on."""
        self._at(step, "open").touch()

    def _at(self, step: int, word: str) -> Path:
        return self.folder / f"gate-{step}-{word}"


Act = Callable[[Scene], object]


@dataclass(frozen=True)
class Row:
    """A fault of a tracker: settings and environment of the run, what its server does, and what is done on the way.

    `before` is called in the training process before it starts, `acts` by the harness while the run waits after
    steps 4 and 7; `mend` comes before the run is synced. `host` stands for the double where there is none.
    """

    fault: str
    mode: str = "online"
    faults: tuple[str, ...] = ()
    host: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    settings: tuple[str, ...] = ()
    before: Act = lambda scene: None
    acts: tuple[Act, ...] = ()
    mend: Act = lambda scene: None
    needs_disk: bool = False


def play(row: Row, config: Path, folder: Path) -> tuple[Scene, Run]:
    """Train, let the fault happen, and carry the run on where it was stopped."""
    (folder / "runs").mkdir(parents=True)
    with ExitStack() as ends:
        server = ends.enter_context(cloud(*row.faults))
        scene = Scene(config, folder, server, (4, 7)[: len(row.acts)])
        _start(
            scene,
            row,
            ("train", config, f"run.dir={folder / 'runs'}", f"track.swanlab={row.mode}", *row.settings),
        )
        for step, act in zip(scene.gates, row.acts, strict=True):
            scene.process.wait_until(lambda step=step: scene.is_at(step))
            assert scene.process.code is None, (folder / "said.txt").read_text("utf-8")
            act(scene)
            scene.open(step)
        scene.codes.append(scene.process.wait())
        while scene.codes[-1] in STOPPED and len(scene.codes) < 3:
            _start(scene, row, ("resume", scene.run.path))
            scene.codes.append(scene.process.wait())
    return scene, open_run(scene.run.path)


def _start(scene: Scene, row: Row, words: tuple[str | Path, ...]) -> None:
    meter, number = Meter(), len(scene.codes)

    def before() -> None:
        scene.server.socket.close()  # the parent's alone, so that a server that dies is dead
        os.environ |= {"SWANLAB_API_HOST": row.host or scene.server.address, "SWANLAB_API_KEY": KEY}
        os.environ |= row.environment
        meter.install(scene.gate)
        row.before(scene)

    scene.process = Forked(
        words, scene.folder / "said.txt", before, lambda: meter.write(scene.folder / f"meter-{number}.json")
    )


def children_of(pid: int) -> list[int]:
    """The processes that a process has started and that have not ended."""
    others = [int(path.name) for path in Path("/proc").glob("[0-9]*")]
    return [other for other in others if (state := _state(other)) and state[1] == str(pid)]


def has_ended(pid: int) -> bool:
    """Whether a process is gone, be it that nobody has heard of it."""
    return not _state(pid)


def _state(pid: int) -> list[str]:
    """The fields of a process from its state on: that, its parent, its group; none if it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
    return [] if fields[0] == "Z" else fields
