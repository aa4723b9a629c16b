"""The place of a process, from what torchrun, Kubernetes and Slurm set; contradictions are refused."""

from __future__ import annotations

import pytest

from loralab.encode.parallel import usable_cores
from loralab.errors import ResourceError, UsageError
from loralab.train.ranks.join import gpu_of
from loralab.train.ranks.place import Place, place_of, threads_each

MEETING = {"MASTER_ADDR": "node0", "MASTER_PORT": "29500"}
TORCHRUN = {
    "RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "4", **MEETING,
    "TORCHELASTIC_RUN_ID": "x", "TORCHELASTIC_MAX_RESTARTS": "0",
}  # fmt: skip
SRUN = {
    "SLURM_PROCID": "3", "SLURM_STEP_NUM_TASKS": "4", "SLURM_LOCALID": "1", "SLURM_STEP_TASKS_PER_NODE": "2(x2)",
    **MEETING,
}  # fmt: skip
KUBERNETES = {"RANK": "1", "WORLD_SIZE": "2", **MEETING}


@pytest.mark.parametrize(
    ("environment", "place"),
    [
        (TORCHRUN, Place(5, 8, 1, 4, "node0", 29500, has_agent=True)),
        (KUBERNETES, Place(1, 2, 0, 1, "node0", 29500)),
        (SRUN, Place(3, 4, 1, 2, "node0", 29500)),
    ],
)
def test_the_environment_says_which_process_this_is(environment: dict[str, str], place: Place) -> None:
    assert place_of(environment, None) == place
    assert place_of(environment, place.world) == place


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"RANK": "0", "WORLD_SIZE": "1"},
        {"SLURM_PROCID": "0", "SLURM_NTASKS": "4"},  # the script of sbatch: its tasks are not started yet
        {"SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "1"},
    ],
)
def test_a_process_of_its_own_has_no_place(environment: dict[str, str]) -> None:
    assert place_of(environment, None) is None and place_of(environment, 1) is None


@pytest.mark.parametrize(
    ("environment", "devices", "said"),
    [
        (TORCHRUN, 2, "--devices is 2, but WORLD_SIZE is 8"),
        ({"RANK": "0", "WORLD_SIZE": "1"}, 2, "--devices is 2, but WORLD_SIZE is 1"),
        ({"RANK": "0"}, None, "RANK is set, WORLD_SIZE is not"),
        ({"WORLD_SIZE": "2"}, None, "WORLD_SIZE is set, RANK is not"),
        (TORCHRUN | {"RANK": "8"}, None, "RANK=8, WORLD_SIZE=8"),
        (TORCHRUN | {"RANK": "-1"}, None, "RANK=-1"),
        (TORCHRUN | {"WORLD_SIZE": "two"}, None, "WORLD_SIZE=two"),
        ({"RANK": "1", "WORLD_SIZE": "2"}, None, "MASTER_ADDR, MASTER_PORT is not set"),
        ({**SRUN, "MASTER_PORT": ""}, None, "process 3 of 4, but MASTER_PORT is not set"),
        (TORCHRUN | {"TORCHELASTIC_MAX_RESTARTS": "3"}, None, "--max-restarts 3"),
    ],
)
def test_what_would_end_in_several_runs_or_none_is_refused(
    environment: dict[str, str], devices: int | None, said: str
) -> None:
    with pytest.raises(UsageError) as caught:
        place_of(environment, devices)
    assert said in str(caught.value)


def test_the_cores_of_a_machine_are_shared() -> None:
    assert threads_each(1) == usable_cores()
    assert threads_each(2 * usable_cores()) == 1


def test_each_process_has_a_gpu_of_its_own() -> None:
    assert [gpu_of(rank, 4, 4) for rank in range(4)] == [0, 1, 2, 3]
    assert gpu_of(3, 4, 1) == 0, "Slurm shows each its own alone"
    with pytest.raises(ResourceError, match="3 processes on this machine, 2 GPUs"):
        gpu_of(2, 3, 2)
