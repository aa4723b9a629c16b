"""Cells in, Slurm jobs out, through submitit; a job that is cut off by its time limit is queued again and goes on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from loralab.errors import Problem, UsageError
from loralab.extras import need
from loralab.safe_text import first_line
from loralab.study.cells import Cell
from loralab.study.schema import Cluster
from loralab.study.worker import work
from loralab.words import Words, say


class CellJob:
    """What submitit runs. Queued again after a time-out or a preemption, it is the same call: a cell goes on by itself."""

    def __call__(self, study: str, cell_id: str, language: str) -> int:
        """Train the cell; its exit code."""
        return work(study, cell_id, language)

    def checkpoint(self, *arguments: Any) -> Any:
        """What submitit queues instead, when Slurm is about to end the job."""
        import submitit

        return submitit.helpers.DelayedSubmission(self, *arguments)


class SlurmEngine:
    """One job for each cell. `system` is slurm, or local for the processes of submitit's own that tests use."""

    def __init__(self, folder: Path, cluster: Cluster, system: str = "slurm") -> None:
        submitit = _submitit()
        try:
            self.executor = submitit.AutoExecutor(folder=folder / "%j", cluster=system)
        except RuntimeError as error:
            raise UsageError(
                Problem(say("no jobs can be submitted here: {reason}", reason=error),
                        next=say("run the command on a machine that has sbatch"))
            ) from None  # fmt: skip
        self.executor.update_parameters(**_parameters(cluster))
        self.failed = (submitit.core.utils.UncompletedJobError, submitit.core.utils.FailedJobError)
        self.jobs: dict[str, Any] = {}

    def submit(self, study: Path, cell: Cell, language: str) -> None:
        """Queue a cell."""
        self.jobs[cell.id] = self.executor.submit(CellJob(), str(study), cell.id, language)

    def over(self) -> Mapping[str, str]:
        """The jobs that have ended since."""
        ended = {cell_id: job for cell_id, job in self.jobs.items() if job.done()}
        for cell_id in ended:
            del self.jobs[cell_id]
        return {cell_id: self._how(job) for cell_id, job in ended.items()}

    def _how(self, job: Any) -> str:
        """The exit code of the cell, or what the queue says of a job that left none."""
        try:
            return str(job.result())
        except self.failed as error:
            return f"{job.state}: {first_line(error)}"

    def obstacle(self) -> Words | None:
        """None is known: a queue refuses by itself what it can never give."""
        return None

    def cancel(self) -> None:
        """Cancel all jobs."""
        for job in self.jobs.values():
            job.cancel(check=False)

    def close(self) -> None:
        """A queue needs nobody who stays."""


def _submitit() -> Any:
    need("--on slurm", "submitit", extra="slurm")
    import submitit

    return submitit


def _parameters(cluster: Cluster) -> dict[str, Any]:
    """What a job asks for, as submitit calls it; what is not set is left to the cluster."""
    asked = {
        "name": "loralab", "timeout_min": cluster.minutes, "gpus_per_node": cluster.gpus or None,
        "cpus_per_task": cluster.cpus, "mem_gb": cluster.memory_gib, "slurm_partition": cluster.partition,
        "slurm_account": cluster.account,
    }  # fmt: skip
    return {key: value for key, value in asked.items() if value is not None}
