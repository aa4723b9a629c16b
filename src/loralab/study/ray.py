"""Cells in, tasks of a Ray cluster out; a task whose machine is lost is started again on another one by Ray."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from loralab.errors import Problem, ResourceError, UsageError
from loralab.extras import need
from loralab.safe_text import first_line
from loralab.study.cells import Cell
from loralab.study.schema import Cluster
from loralab.study.worker import work
from loralab.words import Words, say

RETRIES = 3  # of a task whose worker or machine was lost; a cell that fails by itself is not tried again
LOOK_SECONDS = 15.0  # between two looks at the machines of the cluster
ANSWER_SECONDS = 5.0  # in which its head takes a connection
Node = Mapping[str, Any]


class RayEngine:
    """One task for each cell, on the cluster that RAY_ADDRESS names, else on this machine's own."""

    def __init__(self, cluster: Cluster) -> None:
        self.ray, self.cluster = _ray(), cluster
        self._connect()
        self._refuse_infeasible()
        options = {"num_cpus": cluster.cpus, "num_gpus": cluster.gpus, "max_retries": RETRIES}
        self.task = self.ray.remote(**options)(train_on_this_machine)
        self.tasks: dict[str, Any] = {}
        self.looked = time.monotonic()

    def _connect(self) -> None:
        # Cells write logs of their own, and identical lines of several would be folded into one.
        refusals = (ConnectionError, RuntimeError, ValueError, self.ray.exceptions.RayError)
        try:
            self.ray.init(log_to_driver=False, include_dashboard=False)
        except refusals as error:
            raise UsageError(
                Problem(say("no Ray cluster can be reached: {reason}", reason=error), os.environ.get("RAY_ADDRESS", ""),
                        next=say("set RAY_ADDRESS to the head, and RAY_AUTH_MODE and the token as there; or unset"
                                 " RAY_ADDRESS for this machine alone"))
            ) from None  # fmt: skip

    def _refuse_infeasible(self) -> None:
        """Raise ResourceError if no machine has what a cell asks for: Ray would wait for one for ever."""
        nodes = self.ray.nodes()
        if _has_room(nodes, self.cluster):
            return
        machines = [node["Resources"] for node in nodes if node["Alive"]]
        most = {kind: max((int(m.get(kind, 0)) for m in machines), default=0) for kind in ("GPU", "CPU")}
        self.close()
        raise ResourceError(
            Problem(
                say("each cell asks for {gpus} GPUs and {cpus} CPUs, and no machine of the cluster has both; the most are"
                    " {most_gpus} and {most_cpus}", gpus=self.cluster.gpus, cpus=self.cluster.cpus,
                    most_gpus=most["GPU"], most_cpus=most["CPU"]),
                next=say("set cluster: {{gpus: 0, cpus: 1}} in the study, or start larger machines"),
            )
        )  # fmt: skip

    def submit(self, study: Path, cell: Cell, language: str) -> None:
        """Hand a cell to Ray, which starts it as soon as a machine has room."""
        self.tasks[cell.id] = self.task.remote(str(study), cell.id, language)

    def over(self) -> Mapping[str, str]:
        """The tasks that have ended since."""
        if not self.tasks:
            return {}
        ready, _ = self.ray.wait(list(self.tasks.values()), num_returns=len(self.tasks), timeout=0)
        ended = {cell_id: task for cell_id, task in self.tasks.items() if task in ready}
        for cell_id in ended:
            del self.tasks[cell_id]
        return {cell_id: self._how(task) for cell_id, task in ended.items()}

    def _how(self, task: Any) -> str:
        """The exit code of the cell, or what became of a task that left none."""
        try:
            return str(self.ray.get(task))
        except self.ray.exceptions.RayError as error:
            name, line = type(error).__name__, first_line(error)
            return name if line == name else f"{name}: {line}"  # a task that was cancelled says nothing

    def obstacle(self) -> Words | None:
        """Whether the head is lost, or all machines that a cell would fit on; looked at now and then."""
        if time.monotonic() - self.looked < LOOK_SECONDS:
            return None
        self.looked = time.monotonic()
        if not self._head_answers():
            # after a minute of this Ray ends the process itself, in which nothing can be said any more
            return say("the head of the cluster does not answer; if it is lost, Ray ends this command within a minute:"
                       " start the head again, and then run the same command")  # fmt: skip
        if _has_room(self.ray.nodes(), self.cluster):
            return None
        return say("no machine of the cluster has {gpus} GPUs and {cpus} CPUs any more: cells wait for one that joins",
                   gpus=self.cluster.gpus, cpus=self.cluster.cpus)  # fmt: skip

    def _head_answers(self) -> bool:
        host, _, port = self.ray.get_runtime_context().gcs_address.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), ANSWER_SECONDS).close()
        except OSError:
            return False
        return True

    def cancel(self) -> None:
        """Cancel all tasks: a running one gets a Ctrl-C."""
        for task in self.tasks.values():
            self.ray.cancel(task)

    def close(self) -> None:
        """Leave the cluster; the one of this machine alone ends with it."""
        self.ray.shutdown()


def train_on_this_machine(study: str, cell_id: str, language: str) -> int:
    """What a task does, on the machine that Ray has chosen."""
    import ray

    return work(study, cell_id, language, lambda host: is_lost(ray.nodes(), host))


def is_lost(nodes: Sequence[Node], host: str) -> bool:
    """Whether a cluster had a machine of this name and has none any more."""
    alive = {node["Alive"] for node in nodes if node["NodeManagerHostname"] == host}
    return alive == {False}


def _has_room(nodes: Sequence[Node], cluster: Cluster) -> bool:
    """Whether one machine has all that a cell asks for, be it in use or not."""
    machines = [node["Resources"] for node in nodes if node["Alive"]]
    return any(m.get("GPU", 0) >= cluster.gpus and m.get("CPU", 0) >= cluster.cpus for m in machines)


def _ray() -> Any:
    # read when ray starts a cluster, which would send statistics
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    need("--on ray", "ray", extra="ray")
    import ray

    return ray
