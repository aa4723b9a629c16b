"""Cells in, tasks of a Ray cluster out; a task whose machine is lost is started again on another one by Ray."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from loralab.errors import Problem, ResourceError, UsageError
from loralab.extras import need
from loralab.study.cells import Cell
from loralab.study.schema import Cluster
from loralab.study.worker import work
from loralab.words import say

RETRIES = 3  # of a task whose worker or machine was lost; a cell that fails by itself is not tried again


class RayEngine:
    """One task for each cell, on the cluster that RAY_ADDRESS names, else on this machine's own."""

    def __init__(self, cluster: Cluster) -> None:
        self.ray = _ray()
        self._connect()
        self._refuse_infeasible(cluster)
        options = {"num_cpus": cluster.cpus, "num_gpus": cluster.gpus, "max_retries": RETRIES}
        self.task = self.ray.remote(**options)(work)
        self.tasks: dict[str, Any] = {}

    def _connect(self) -> None:
        # Cells write logs of their own, and identical lines of several would be folded into one.
        try:
            self.ray.init(log_to_driver=False, include_dashboard=False)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise UsageError(
                Problem(say("no Ray cluster can be reached: {reason}", reason=error), os.environ.get("RAY_ADDRESS", ""),
                        next=say("set RAY_ADDRESS to the head, and RAY_AUTH_MODE and the token as there; or unset"
                                 " RAY_ADDRESS for this machine alone"))
            ) from None  # fmt: skip

    def _refuse_infeasible(self, cluster: Cluster) -> None:
        """Raise ResourceError if no machine has what a cell asks for: Ray would wait for one for ever."""
        machines = [node["Resources"] for node in self.ray.nodes() if node["Alive"]]
        if any(m.get("GPU", 0) >= cluster.gpus and m.get("CPU", 0) >= cluster.cpus for m in machines):
            return
        most = {kind: max((int(m.get(kind, 0)) for m in machines), default=0) for kind in ("GPU", "CPU")}
        self.close()
        raise ResourceError(
            Problem(
                say("each cell asks for {gpus} GPUs and {cpus} CPUs, and no machine of the cluster has both; the most are"
                    " {most_gpus} and {most_cpus}", gpus=cluster.gpus, cpus=cluster.cpus, most_gpus=most["GPU"],
                    most_cpus=most["CPU"]),
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
            return f"{type(error).__name__}: {str(error).splitlines()[0]}"

    def cancel(self) -> None:
        """Cancel all tasks: a running one gets a Ctrl-C."""
        for task in self.tasks.values():
            self.ray.cancel(task)

    def close(self) -> None:
        """Leave the cluster; the one of this machine alone ends with it."""
        self.ray.shutdown()


def _ray() -> Any:
    # read when ray starts a cluster, which would send statistics
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    need("--on ray", "ray", extra="ray")
    import ray

    return ray
