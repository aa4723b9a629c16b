"""A folder in, a Ray cluster of several machines out: processes on this one that have host names of their own."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from studies.machine import identity, switch_off

MACHINE = str(Path(__file__).with_name("machine.py"))
RAY = (sys.executable, "-m", "ray.scripts.scripts")
STORE_BYTES = 80_000_000  # of each node: the cells' numbers are on disk
READY_SECONDS = 180.0
TRIES = 8
SPARE = ("--no-monitor", "--include-log-monitor", "false")  # each is a process that has to start in time
STARTED = b"Ray runtime started."
WAIT_FOR_NODES = (
    "import ray, sys, time; ray.init(log_to_driver=False)\n"
    "while {n['NodeManagerHostname'] for n in ray.nodes() if n['Alive']} != set(sys.argv[1:]): time.sleep(0.2)\n"
)


@dataclass
class Node:
    """A machine of the cluster."""

    name: str
    process: subprocess.Popen[bytes]
    machine: str = ""

    def switch_off(self) -> None:
        """End all of it at once."""
        switch_off(self.machine)
        self.process.wait()


@dataclass
class Cluster:
    """A head and the machines that have joined it. Ports are those of one cluster after another, never the same."""

    folder: Path
    token: str = field(default_factory=lambda: secrets.token_hex(32))
    nodes: dict[str, Node] = field(default_factory=dict)
    port: int = 6400
    started: int = 0

    @property
    def address(self) -> str:
        """Of the head."""
        return f"127.0.0.1:{self.port}"

    def environment(self, **more: str) -> Mapping[str, str]:
        """For a process that is to speak with the cluster, with a home folder that is nobody's."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("RAY_") and k != "OMP_NUM_THREADS"}
        (self.folder / "home").mkdir(exist_ok=True)
        return {
            **kept, "HOME": str(self.folder / "home"), "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": self.token,
            "RAY_ADDRESS": self.address, "RAY_USAGE_STATS_ENABLED": "0", **more,
        }  # fmt: skip

    def start_head(self, name: str) -> None:
        """A new cluster with this machine as its head."""
        self.port += 1
        words = ("--head", "--port", str(self.port), "--include-dashboard", "false", "--disable-usage-stats",
                 "--temp-dir", str(self.folder / f"ray-{self.port}"))  # fmt: skip
        self._start(name, *words)

    def join(self, name: str) -> None:
        """One more machine."""
        self._start(name, "--address", self.address)

    def _start(self, name: str, *words: str) -> None:
        """Start a node; again if it was too slow, for which Ray gives it 30 s on any machine."""
        for _ in range(TRIES):
            node = self._try(name, *words)
            if node:
                self.nodes[name] = node
                return
        raise AssertionError(f"the node {name} does not come to be; see {self.folder}")

    def _try(self, name: str, *words: str) -> Node | None:
        self.started += 1
        first = 20000 + 500 * self.started
        command = [
            sys.executable, MACHINE, name, *RAY, "start", *words, "--block", "--node-ip-address", "127.0.0.1",
            "--num-cpus", "1", "--num-gpus", "0", "--object-store-memory", str(STORE_BYTES),
            "--min-worker-port", str(first + 10), "--max-worker-port", str(first + 400),
            "--dashboard-agent-listen-port", str(first), *SPARE,
        ]  # fmt: skip
        environment = {k: v for k, v in self.environment().items() if k != "RAY_ADDRESS"}
        said = self.folder / f"node-{self.started}-{name}.txt"
        with said.open("wb") as stream:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, env=environment,
                start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            if STARTED in said.read_bytes():
                return Node(name, process, identity(process.pid))
            time.sleep(0.1)
        return None

    def wait_for(self, *names: str) -> None:
        """Return when these machines, and no others, are alive in the cluster."""
        command, deadline = [sys.executable, "-c", WAIT_FOR_NODES, *names], time.monotonic() + READY_SECONDS
        while subprocess.run(
            command, env=self.environment(), check=False, capture_output=True, timeout=READY_SECONDS
        ).returncode:
            assert time.monotonic() < deadline, f"the cluster does not come to be; see {self.folder}"

    def switch_off(self, name: str) -> None:
        """End a machine at once."""
        self.nodes.pop(name).switch_off()
