"""The batch scripts of docs/recipes, run with stand-ins for srun, scontrol and loralab: there is no Slurm here."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from doubles.command import invoke
from loralab.config.render import to_yaml

RECIPES = Path(__file__).parents[2] / "docs" / "recipes"
SCRIPTS = sorted([*RECIPES.glob("*.sh"), *RECIPES.glob("*.sbatch")])
BATCH = sorted(RECIPES.glob("*.sbatch"))
PATIENCE_SECONDS = 60
OWN_PATH = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # where this environment's commands lie

# `plan` says how the command ends: with a code, or `wait`: saved and 143 once SIGTERM comes.
STAND_INS = {
    "loralab": """#!/bin/bash
echo "loralab $*" >>log
case "$1 $3" in "train run.dir="*) mkdir -p "${3#run.dir=}/0001-law"; echo "{}" >"${3#run.dir=}/0001-law/manifest.json" ;; esac
env | grep -E '^(SLURM|SBATCH|MASTER)_' | sort >environment
if [ "$(cat plan)" != wait ]; then exit "$(cat plan)"; fi
trap 'echo saved >>log; exit 143' TERM
echo $$ >pid
while :; do sleep 0.02; done
""",
    "srun": """#!/bin/bash
while [[ $1 == --* ]]; do echo "srun $1" >>log; shift; done
exec "$@"
""",
    "scontrol": """#!/bin/bash
case "$1 $2" in
  "show job") echo "JobId=$3 JobName=loralab"; echo "   JobState=$(cat state) Reason=None Dependency=(null)" ;;
  "show hostnames") printf 'node3\\nnode4\\n' ;;
  requeue*) echo "requeue $2" >>log ;;
esac
""",
}


def ended(job: subprocess.Popen[str]) -> tuple[int, str]:
    """The exit code of a batch script, and what it wrote."""
    said, _ = job.communicate(timeout=PATIENCE_SECONDS)
    return job.returncode, said


@dataclass
class Cluster:
    """A working folder with the stand-ins on PATH, and the job 4711 in it."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def start(self, script: str, *words: str, plan: str = "0", state: str = "RUNNING", restarts: int = 0, **more: str) -> subprocess.Popen[str]:  # fmt: skip
        """The batch script as Slurm starts it."""
        (self.folder / "plan").write_text(plan)
        (self.folder / "state").write_text(state)
        (self.folder / "pid").unlink(missing_ok=True)
        environment = {
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}", "RECIPES": str(RECIPES),
            "SLURM_SUBMIT_DIR": str(self.folder), "SLURM_JOB_ID": "4711", "SLURM_CPUS_PER_TASK": "8",
            "SLURM_JOB_NODELIST": "node[3-4]", **({"SLURM_RESTART_COUNT": str(restarts)} if restarts else {}), **more,
        }  # fmt: skip
        return subprocess.Popen(
            ["bash", str(RECIPES / script), *words], cwd=self.folder, env=environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip

    def run(self, script: str, *words: str, **how: object) -> tuple[int, str]:
        """Its exit code, and what it wrote."""
        job = self.start(script, *words, **how)  # type: ignore[arg-type]
        return ended(job)

    def command_pid(self) -> int:
        """The process of the command, once it can be told to stop."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            text = (self.folder / "pid").read_text() if (self.folder / "pid").is_file() else ""
            if text.strip():
                return int(text)
            time.sleep(0.01)
        raise TimeoutError("the command did not start")

    def log(self) -> list[str]:
        """What the stand-ins noted; the options of srun aside."""
        lines = (self.folder / "log").read_text().splitlines()
        return [line for line in lines if not line.startswith("srun ")]

    def seen(self) -> dict[str, str]:
        """The variables of Slurm that the command was started with."""
        lines = (self.folder / "environment").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    (tmp_path / "bin").mkdir()
    for name, text in STAND_INS.items():
        path = tmp_path / "bin" / name
        path.write_text(text)
        path.chmod(0o755)
    yield Cluster(tmp_path)


RUN = "runs/slurm-4711"
STARTED, WENT_ON = f"loralab train law.yaml run.dir={RUN}", f"loralab resume {RUN}/0001-law"


# ---------------------------------------------------------------------------------------------- one job


@pytest.mark.parametrize("script", ["train.sbatch", "nodes.sbatch"])
def test_a_run_that_finishes_is_left_alone(cluster: Cluster, script: str) -> None:
    assert cluster.run(script, "law.yaml") == (0, "")
    assert cluster.log() == [STARTED]


@pytest.mark.parametrize("script", ["train.sbatch", "nodes.sbatch"])
def test_a_run_whose_time_is_nearly_over_is_saved_queued_again_and_goes_on(
    cluster: Cluster, script: str
) -> None:
    job = cluster.start(script, "law.yaml", plan="wait")
    cluster.command_pid()
    job.send_signal(signal.SIGTERM)  # to the batch script alone, as --signal=B: has it
    assert ended(job)[0] == 143
    assert cluster.log() == [STARTED, "saved", "requeue 4711"]
    assert cluster.run(script, "law.yaml", restarts=1)[0] == 0
    assert cluster.log()[3:] == [WENT_ON]


@pytest.mark.parametrize(
    ("state", "again"), [("RUNNING", ["requeue 4711"]), ("COMPLETING", []), ("CANCELLED", [])]
)
def test_a_job_that_slurm_is_ending_is_not_queued_again_from_within(
    cluster: Cluster, state: str, again: list[str]
) -> None:
    """scancel, or a preemption after which Slurm queues the job itself; the step alone gets the signal."""
    job = cluster.start("train.sbatch", "law.yaml", plan="wait", state=state)
    os.kill(cluster.command_pid(), signal.SIGTERM)
    assert ended(job)[0] == 143
    assert cluster.log() == [STARTED, "saved", *again]


@pytest.mark.parametrize("code", [1, 2, 3, 4, 5, 130, 137])
def test_what_fails_for_good_ends_the_job_with_its_code(cluster: Cluster, code: int) -> None:
    assert cluster.run("train.sbatch", "law.yaml", plan=str(code))[0] == code
    assert cluster.log() == [STARTED]


def test_a_command_that_is_not_there_is_not_tried_again(cluster: Cluster) -> None:
    (cluster.folder / "bin" / "srun").unlink()
    code, said = cluster.run("train.sbatch", "law.yaml")
    assert code == 127 and "srun" in said and not (cluster.folder / "log").exists()


def test_a_job_is_not_queued_again_for_ever(cluster: Cluster) -> None:
    code, said = cluster.run("train.sbatch", "law.yaml", plan="143", restarts=3, MOST_RESTARTS="3")
    assert code == 143 and "has been queued again 3 times" in said and "requeue 4711" not in cluster.log()


def test_a_signal_for_each_of_several_warnings(cluster: Cluster) -> None:
    """Each interrupts `wait`: the code is that of the command all the same."""
    job = cluster.start("train.sbatch", "law.yaml", plan="wait")
    cluster.command_pid()
    for _ in range(5):
        job.send_signal(signal.SIGTERM)
        time.sleep(0.01)
    assert ended(job)[0] == 143 and cluster.log()[-1] == "requeue 4711"


# ----------------------------------------------------------------------------------------- start or go on


def test_a_run_that_was_killed_before_its_record_began_is_started_again(cluster: Cluster) -> None:
    (cluster.folder / RUN / "0001-law").mkdir(parents=True)
    assert cluster.run("train.sbatch", "law.yaml", restarts=1)[0] == 0
    assert cluster.log() == [STARTED]


def test_the_newest_run_goes_on_and_its_folder_may_have_a_space(cluster: Cluster) -> None:
    for name in ("0001-law", "0002-law"):
        (cluster.folder / "my runs" / name).mkdir(parents=True)
        (cluster.folder / "my runs" / name / "manifest.json").write_text("{}")
    (cluster.folder / "my runs" / "notes").mkdir()
    assert cluster.run("train.sbatch", "law.yaml", RUN_DIR="my runs")[0] == 0
    assert cluster.log() == ["loralab resume my runs/0002-law"]


@pytest.mark.parametrize(("restarts", "left"), [(0, True), (1, False)])
def test_a_lock_is_cleared_only_where_this_very_job_ran_before(
    cluster: Cluster, restarts: int, left: bool
) -> None:
    lock = cluster.folder / RUN / "0001-law" / "LOCK"
    lock.parent.mkdir(parents=True)
    lock.write_text('{"pid": 1, "host": "node9"}')
    code, said = cluster.run("train.sbatch", "law.yaml", restarts=restarts)
    assert code == 0 and lock.exists() == left and ("LOCK" in said) == (not left)


def test_its_words_start_a_run_and_then_find_it_finished(
    cluster: Cluster, quick_config: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stand-in notes what it is called with; loralab itself is called with that, in this process."""
    config = quick_config(
        "train.max_steps=1", "train.epochs=null", "evaluate.stages=[]", "train.engine=plain"
    )
    (cluster.folder / "law.yaml").write_text(to_yaml(config), "utf-8")  # type: ignore[arg-type]
    (cluster.folder / "bin" / "loralab").write_text('#!/bin/bash\nprintf "%s\\n" "$@" >words\n')
    monkeypatch.chdir(cluster.folder)
    found = []
    for _ in range(2):
        assert cluster.run("resume-or-start.sh", "law.yaml", "own")[0] == 0
        found.append(invoke(*(cluster.folder / "words").read_text().splitlines()))
    assert [said.code for said in found] == [0, 0]
    assert "nothing to do" not in found[0].err and "is finished: nothing to do" in found[1].err
    assert [path.name for path in (cluster.folder / "own").iterdir()] == ["0001-tiny-rows"]


# -------------------------------------------------------------------------------- several machines, studies


def test_all_processes_know_where_to_meet(cluster: Cluster) -> None:
    assert cluster.run("nodes.sbatch", "law.yaml")[0] == 0
    seen = cluster.seen()
    assert (seen["MASTER_ADDR"], seen["MASTER_PORT"]) == ("node3", "24711")
    assert "srun --kill-on-bad-exit=0" in (cluster.folder / "log").read_text(), (
        "who still saves is not killed"
    )


def test_a_study_is_queued_again_and_its_cells_do_not_inherit_what_the_head_asked_for(
    cluster: Cluster,
) -> None:
    job = cluster.start(
        "study.sbatch", "sizes.yaml", plan="wait", SLURM_MEM_PER_NODE="4096", SBATCH_TIMELIMIT="1"
    )
    cluster.command_pid()
    job.send_signal(signal.SIGTERM)
    assert ended(job)[0] == 143
    assert cluster.log() == ["loralab study sizes.yaml --on slurm", "saved", "requeue 4711"]
    assert cluster.seen() == {}


# --------------------------------------------------------------------------------------------- the scripts


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: p.name)
def test_bash_can_read_it(script: Path) -> None:
    subprocess.run(["bash", "-n", str(script)], check=True)


def test_shellcheck_finds_nothing() -> None:
    program = shutil.which("shellcheck", path=OWN_PATH)
    if program is None:
        pytest.skip("shellcheck is not installed")
    done = subprocess.run(
        [program, "-x", *map(str, SCRIPTS)], cwd=RECIPES, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("script", BATCH, ids=lambda p: p.name)
def test_a_batch_script_is_warned_in_time_and_may_be_queued_again(script: Path) -> None:
    asked = " ".join(re.findall(r"^#SBATCH (.*)$", script.read_text("utf-8"), re.MULTILINE)).split()
    (seconds,) = (int(m[1]) for word in asked if (m := re.fullmatch(r"--signal=B:TERM@(\d+)", word)))
    assert seconds >= 120 and "--requeue" in asked and all(word.startswith("--") for word in asked)
    text = script.read_text("utf-8")
    assert text.index("#SBATCH") < text.index("\nset -euo pipefail"), (
        "Slurm reads no directive after a command"
    )
