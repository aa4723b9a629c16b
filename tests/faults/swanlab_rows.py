"""The faults of a tracker that were seen in SwanLab, each as a row: how a run is made to meet it."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import socket
import termios
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from faults.failing_disk import cut_power, make_disk, mount
from faults.mounts import memory_disk, own_mounts
from faults.scene import Act, Row, Scene, has_ended
from loralab.run.events import EventWriter
from loralab.run.folder import RunFolder
from loralab.track.fanout import Fanout

MIRROR_DISK_BYTES = 512 * 1024


# ------------------------------------------------------------------ in the training process, before it starts


def at_a_terminal(scene: Scene) -> None:
    """Standard input is a terminal, at which SwanLab alone would ask which of three things to do, and wait."""
    _, theirs = pty.openpty()
    os.setsid()
    fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)
    os.dup2(theirs, 0)


def without_a_key(scene: Scene) -> None:
    del os.environ["SWANLAB_API_KEY"]


def at_a_terminal_without_a_key(scene: Scene) -> None:
    without_a_key(scene)
    at_a_terminal(scene)


def in_a_group_of_its_own(scene: Scene) -> None:
    """As a shell starts a command."""
    os.setpgid(0, 0)


def in_a_chinese_folder(scene: Scene) -> None:
    folder = scene.folder / "法律 问答"
    folder.mkdir()
    os.chdir(folder)


def with_points_that_are_no_numbers(scene: Scene) -> None:
    """Three of the points that are recorded, and so mirrored, are not finite."""
    odd, append = {5: "NaN", 6: "Infinity", 7: "-Infinity"}, EventWriter.append

    def odd_append(writer: EventWriter, kind: str, **fields: Any) -> Any:
        if kind == "step" and fields["step"] in odd:
            fields["grad_norm"] = odd[fields["step"]]
        return append(writer, kind, **fields)

    EventWriter.append = odd_append


def with_a_process_of_its_own(scene: Scene) -> None:
    """At step 5 the training process forks, as a data loader does; the fork lives on to the end."""
    append = EventWriter.append

    def forking_append(writer: EventWriter, kind: str, **fields: Any) -> Any:
        if kind == "step" and fields["step"] == 5 and not os.fork():
            parent = os.getppid()
            while os.getppid() == parent:
                time.sleep(0.05)
            os._exit(0)
        return append(writer, kind, **fields)

    EventWriter.append = forking_append


def with_a_file_in_the_way(scene: Scene) -> None:
    _when_the_run_begins(lambda folder: (folder / "swanlab").write_text("in the way"))


def with_a_small_disk(scene: Scene) -> None:
    """The mirror's folder is a disk of its own, of half a megabyte."""
    own_mounts()
    _when_the_run_begins(lambda folder: memory_disk(folder, MIRROR_DISK_BYTES))


def with_a_failing_disk(scene: Scene) -> None:
    """The mirror's folder is an ext4 disk of its own, to be cut off."""
    image = make_disk(scene.folder / "disk.img")
    own_mounts()
    _when_the_run_begins(lambda folder: mount(image, folder))


def _when_the_run_begins(act: Callable[[Path], object]) -> None:
    """Something done to the folder of all mirrors before the first of them is opened."""
    begin = Fanout.__init__

    def acting(fanout: Fanout, sinks: Any, run: RunFolder, *rest: Any) -> None:
        folder = run.path / "track"
        folder.mkdir(exist_ok=True)
        act(folder)
        begin(fanout, sinks, run, *rest)

    Fanout.__init__ = acting


# ------------------------------------------------------------------- by the harness, while the run waits


def when_points_have_arrived(act: Act) -> Act:
    def later(scene: Scene) -> None:
        scene.wait_for(scene.server.arrived.is_set)
        act(scene)

    return later


def when_points_are_on_disk(act: Act) -> Act:
    """SwanLab's file holds more than its beginning, on whatever disk the run sees there."""

    def later(scene: Scene) -> None:
        files = "track/swanlab/run-*/run-*.swanlab"
        scene.wait_for(lambda: any(p.stat().st_size > 1000 for p in scene.seen.path.glob(files)))
        act(scene)

    return later


def server_fault(word: str) -> Act:
    return when_points_have_arrived(lambda scene: scene.server.faults.add(word))


def server_dies(scene: Scene) -> None:
    scene.server.shutdown()
    scene.server.server_close()


def kill_tracker(scene: Scene) -> None:
    os.kill(scene.tracker(), signal.SIGKILL)


def kill_run(scene: Scene) -> None:
    assert scene.process
    scene.process.kill()


def stop_run(scene: Scene) -> None:
    assert scene.process
    scene.process.send(signal.SIGTERM)


def to_the_group(number: int) -> Act:
    """A signal for the run and all that it has started, as a terminal, timeout(1) or a scheduler sends it."""

    def send(scene: Scene) -> None:
        assert scene.process
        os.killpg(scene.process.pid, number)

    return send


def kill_group(scene: Scene) -> None:
    """After it nobody is left who could write into the run's folder."""
    assert scene.process
    tracker = scene.tracker()
    os.killpg(scene.process.pid, signal.SIGKILL)
    scene.process.wait()
    scene.wait_for(lambda: has_ended(tracker))


def kill_both_and_leave_nothing(scene: Scene) -> None:
    """What SwanLab alone leaves of a short run: a file of 0 bytes."""
    kill_tracker(scene)
    kill_run(scene)
    scene.process.wait()
    for path in scene.run.track("swanlab").glob("run-*/run-*.swanlab"):
        path.write_bytes(b"")


def fill_disk(scene: Scene) -> None:
    filler = scene.seen.path / "track" / "filler"
    with filler.open("wb", buffering=0) as stream:
        try:
            while True:
                stream.write(bytes(4096))
        except OSError:
            return


def make_room(scene: Scene) -> None:
    (scene.seen.path / "track" / "filler").unlink()


def cut_off_disk(scene: Scene) -> None:
    cut_power(scene.seen.path / "track")


def remove_what_is_in_the_way(scene: Scene) -> None:
    scene.run.track("swanlab").unlink()


def closed_port() -> str:
    """An address at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return f"http://127.0.0.1:{listening.getsockname()[1]}"


BREAKS_INIT = {
    "SWANLAB_PROJECT": "breaks-init", "swanlab_run": "breaks-init", "SWANLAB_RESUME": "must", "SWANLAB_DEBUG": "true",
    "SWANLAB_WEBHOOK": "http://127.0.0.1:9/",
}  # fmt: skip


def rows() -> tuple[Row, ...]:
    """The table, in the order in which the faults were found."""
    return (
        Row("no fault"),
        Row("no key", before=without_a_key),
        Row("no key, at a terminal", before=at_a_terminal_without_a_key),
        Row("wrong key", faults=("401",)),
        Row("name of the server not found", host="http://swanlab.invalid"),
        Row("server refuses connections", host=closed_port()),
        Row("server accepts and never answers", faults=("silent",)),
        Row("server answers 503 from the middle on", acts=(server_fault("503"),)),
        Row("server hangs from the middle on", acts=(server_fault("hang"),)),
        Row("server dies in the middle", acts=(when_points_have_arrived(server_dies),)),
        Row("server turns points down (400)", faults=("400",)),
        Row("SwanLab's process killed (-9)", "offline", acts=(when_points_are_on_disk(kill_tracker),)),
        Row("run killed (-9), resumed", "offline", acts=(when_points_are_on_disk(kill_run),)),
        Row("both killed, 0-byte file, resumed", "offline",
            acts=(when_points_are_on_disk(kill_both_and_leave_nothing),)),
        Row("SIGTERM, resumed", acts=(when_points_have_arrived(stop_run),)),
        Row("SIGTERM while the server hangs, resumed",
            acts=(server_fault("hang"), lambda scene: (stop_run(scene), scene.server.faults.clear()))),
        Row("Ctrl-C at the terminal, resumed", before=in_a_group_of_its_own,
            acts=(when_points_have_arrived(to_the_group(signal.SIGINT)),)),
        Row("SIGTERM for the whole group, resumed", before=in_a_group_of_its_own,
            acts=(when_points_have_arrived(to_the_group(signal.SIGTERM)),)),
        Row("terminal closed (SIGHUP for the group), resumed", before=in_a_group_of_its_own,
            acts=(when_points_have_arrived(to_the_group(signal.SIGHUP)),)),
        Row("whole group killed (-9), resumed", before=in_a_group_of_its_own,
            acts=(when_points_have_arrived(kill_group),)),
        Row("mirror's disk full", "offline", before=with_a_small_disk, acts=(when_points_are_on_disk(fill_disk),),
            needs_disk=True),
        Row("mirror's disk full, then room again", "offline", before=with_a_small_disk,
            acts=(when_points_are_on_disk(fill_disk), make_room), needs_disk=True),
        Row("input/output errors from the mirror's disk", "offline", before=with_a_failing_disk,
            acts=(when_points_are_on_disk(cut_off_disk),), needs_disk=True),
        Row("mirror's folder cannot be made", "offline", before=with_a_file_in_the_way, mend=remove_what_is_in_the_way),
        Row("points NaN and infinite", before=with_points_that_are_no_numbers),
        Row("training process forks", before=with_a_process_of_its_own),
        Row("Chinese project, name and folder", settings=("track.project=法律问答", "run.name=中文 名称"),
            before=in_a_chinese_folder),
        Row("variables that end every init", "offline", environment=BREAKS_INIT),
        Row("local mode without swanboard", "local"),
    )  # fmt: skip


def is_possible(row: Row, why_no_disk: str) -> bool:
    """Whether this machine has what a row takes."""
    return not (row.needs_disk and why_no_disk) and not (row.mode == "local" and find_spec("swanboard"))
