"""Free memory is read from the system's files; a container's limit counts where it is less."""

from __future__ import annotations

from pathlib import Path

import pytest

from loralab.model.free_memory import usable_bytes

KIB, MIB = 1024, 1 << 20


def make_root(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return root


SYSTEM = {
    "proc/meminfo": "MemTotal:  900000 kB\nMemAvailable:  500000 kB\n",
    "proc/self/status": "Name: x\nVmRSS:  1000 kB\n",
}


def test_without_a_limit_it_is_what_the_system_has(tmp_path: Path) -> None:
    assert usable_bytes(make_root(tmp_path, SYSTEM)) == 501000 * KIB


@pytest.mark.parametrize(
    "group",
    [
        {
            "proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/memory.max": f"{100 * MIB}",
            "sys/fs/cgroup/a/memory.current": f"{60 * MIB}", "sys/fs/cgroup/a/memory.stat": f"inactive_file {10 * MIB}\n",
            "sys/fs/cgroup/a/b/memory.max": "max\n", "sys/fs/cgroup/a/b/memory.current": "5",
        },
        {
            "proc/self/cgroup": "4:cpu:/\n7:memory:/c\n",
            "sys/fs/cgroup/memory/c/memory.limit_in_bytes": f"{100 * MIB}",
            "sys/fs/cgroup/memory/c/memory.usage_in_bytes": f"{50 * MIB}",
        },
    ],
)  # fmt: skip
def test_the_limit_of_a_control_group_counts(tmp_path: Path, group: dict[str, str]) -> None:
    assert usable_bytes(make_root(tmp_path, SYSTEM | group)) == 50 * MIB + 1000 * KIB


def test_a_larger_limit_changes_nothing(tmp_path: Path) -> None:
    group = {
        "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": f"{1 << 50}", "sys/fs/cgroup/memory.current": "0",
    }  # fmt: skip
    assert usable_bytes(make_root(tmp_path, SYSTEM | group)) == 501000 * KIB


def test_another_system_tells_nothing(tmp_path: Path) -> None:
    assert usable_bytes(tmp_path) is None
