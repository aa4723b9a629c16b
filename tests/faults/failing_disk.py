"""A file in, an ext4 disk out whose power can be cut: from then on every access to it is an input/output error.

The kernel's own means: EXT4_IOC_SHUTDOWN, as the tests of file systems use it. Without a flush of the journal,
what had not been synced is gone when the disk is mounted again.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import struct
import subprocess
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from faults.forked import nothing
from faults.mounts import can_mount, own_mounts

SHUTDOWN = 0x8004587D  # _IOR('X', 125, __u32)
WITHOUT_FLUSH = 2
LOOP_DEVICES = 7  # the major number
SIZE_BYTES = 64 * 2**20


def why_not(folder: Path) -> str:
    """Why there can be no such disk here; empty if there can. Tried on a disk of its own in `folder`."""
    if os.getuid() or not shutil.which("mkfs.ext4") or not Path("/dev/loop-control").exists():
        return "no disk of its own: that takes root, mkfs.ext4 and loop devices"
    if not can_mount():
        return "this process may not have mounts of its own"
    image = make_disk(folder / "try.img")
    code = in_a_fork(lambda: put_in(image, folder), lambda: cut_power(folder))
    return "" if code == 0 else "no ext4 disk can be mounted and cut off here"


def make_disk(image: Path, size_bytes: int = SIZE_BYTES) -> Path:
    """An empty ext4 disk in a file, which takes no more space than what is written to it."""
    with image.open("wb") as stream:
        stream.truncate(size_bytes)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=1", image], check=True)
    return image


def put_in(image: Path, folder: Path) -> None:
    """For a forked child: the disk at a folder, seen by it alone."""
    wait_for_the_last(image)
    own_mounts()
    mount(image, folder)


def wait_for_the_last(image: Path) -> None:
    """Return once nobody has a disk mounted any more: the mounts of a process end a little after it."""
    for _ in range(1000):
        if not subprocess.run(["losetup", "-j", image], check=True, capture_output=True).stdout:
            return
        time.sleep(0.01)
    raise AssertionError(f"{image} is still in use")


def mount(image: Path, folder: Path) -> None:
    """For a process with mounts of its own."""
    subprocess.run(["mount", "-o", "loop", image, folder], check=True)


def cut_power(folder: Path) -> None:
    """From now on the disk at a folder fails."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        assert os.major(os.fstat(descriptor).st_dev) == LOOP_DEVICES, "any other disk is not ours to cut off"
        fcntl.ioctl(descriptor, SHUTDOWN, struct.pack("I", WITHOUT_FLUSH))
    finally:
        os.close(descriptor)


def is_in(folder: Path) -> bool:
    """Whether the disk at a folder is one that may be cut off."""
    try:
        return os.major(folder.stat().st_dev) == LOOP_DEVICES
    except OSError:  # of a process that has ended
        return False


def as_seen_by(pid: int, path: Path) -> Path:
    """A path below the mounts of another process."""
    return Path(f"/proc/{pid}/root{path.absolute()}")


def copy_out(image: Path, disk: Path, target: Path) -> None:
    """What is on a disk once it is mounted again, as a folder."""
    shutil.rmtree(target, ignore_errors=True)
    code = in_a_fork(lambda: put_in(image, disk), lambda: _copy(disk, target))
    assert code == 0, f"the disk {image} cannot be read any more"


def _copy(source: Path, target: Path) -> None:
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("lost+found"))


def in_a_fork(act: Callable[[], object], then: Callable[[], object] = nothing) -> int:
    """The exit code of a fork of this process that does two things: 0 if both were done."""
    pid = os.fork()
    if not pid:
        code = 1
        try:
            act()
            then()
            code = 0
        except BaseException:  # the fork must not go on as a copy of its parent
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
