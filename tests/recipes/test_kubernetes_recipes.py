"""The manifests of docs/recipes: valid by Kubernetes' own schema, and each part means what another part says.

No cluster is there: that they do what they say was not seen.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from loralab.safe_text import SECRET_NAME

RECIPES = Path(__file__).parents[2] / "docs" / "recipes"
MANIFESTS = sorted((RECIPES / "kubernetes").glob("*.yaml"))
VERSIONS = ("1.31", "1.37")  # the oldest that knows every field, and the newest that there is a schema of


def documents(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text("utf-8")))


def of_kind(path: Path, kind: str) -> dict[str, Any]:
    (found,) = (d for d in documents(path) if d["kind"] == kind)
    return found


def container(path: Path) -> dict[str, Any]:
    (only,) = of_kind(path, "Job")["spec"]["template"]["spec"]["containers"]
    return dict(only)


every = pytest.mark.parametrize("path", MANIFESTS, ids=lambda p: p.name)


@every
@pytest.mark.parametrize("version", VERSIONS)
def test_it_is_valid(path: Path, version: str) -> None:
    validator = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")
    for document in documents(path):
        validator.validate(document, version, strict=True)


def test_the_schema_sees_a_mistake() -> None:
    validator = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")
    job = of_kind(MANIFESTS[0], "Job")
    job["spec"]["backofLimit"] = 3
    with pytest.raises(validator.ValidationError):
        validator.validate(job, VERSIONS[0], strict=True)


@every
def test_a_pod_that_is_lost_is_replaced_once_it_is_gone(path: Path) -> None:
    spec = of_kind(path, "Job")["spec"]
    assert spec["completionMode"] == "Indexed", (
        "host names that stay the same: a LOCK that was left is known as one"
    )
    assert spec["podReplacementPolicy"] == "Failed" and spec["backoffLimit"] > 0
    assert {"type": "DisruptionTarget", "status": "True"} in spec["podFailurePolicy"]["rules"][0][
        "onPodConditions"
    ]
    pod = spec["template"]["spec"]
    assert pod["restartPolicy"] == "Never" and pod["terminationGracePeriodSeconds"] >= 120


@every
def test_nothing_runs_as_root_or_holds_a_secret(path: Path) -> None:
    pod, inside = of_kind(path, "Job")["spec"]["template"]["spec"], container(path)
    assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["runAsUser"] > 0
    assert pod["automountServiceAccountToken"] is False
    own = inside["securityContext"]
    assert own["allowPrivilegeEscalation"] is False and own["readOnlyRootFilesystem"] is True
    assert own["capabilities"] == {"drop": ["ALL"]}
    secret = [entry for entry in inside["env"] if SECRET_NAME.search(entry["name"])]
    assert [entry["name"] for entry in secret] == ["SWANLAB_API_KEY"]
    assert all("value" not in entry and entry["valueFrom"]["secretKeyRef"]["optional"] for entry in secret)


@every
def test_what_is_mounted_is_there_and_what_is_written_lies_on_it(path: Path) -> None:
    pod, inside = of_kind(path, "Job")["spec"]["template"]["spec"], container(path)
    assert {m["name"] for m in inside["volumeMounts"]} == {v["name"] for v in pod["volumes"]}
    claims = {d["metadata"]["name"] for d in documents(path) if d["kind"] == "PersistentVolumeClaim"}
    assert {
        v["persistentVolumeClaim"]["claimName"] for v in pod["volumes"] if "persistentVolumeClaim" in v
    } == claims
    mounted = {m["mountPath"]: m["name"] for m in inside["volumeMounts"] if not m.get("readOnly")}
    home = next(entry["value"] for entry in inside["env"] if entry["name"] == "HOME")
    assert mounted["/data"] == "work" and "/tmp" in mounted
    assert all(word.startswith("/data/") for word in (home, *inside["command"][2:4]))


@every
def test_requests_and_limits_of_memory_are_the_same_and_gpus_are_limited(path: Path) -> None:
    sizes = container(path)["resources"]
    assert sizes["requests"]["memory"] == sizes["limits"]["memory"] and sizes["limits"]["nvidia.com/gpu"] >= 1


def started(words: list[str], folder: Path) -> list[list[str]]:
    """What a manifest's command starts: first without a run, then with one; stand-ins note their words."""
    (folder / "bin").mkdir()
    for name in ("loralab", "torchrun"):
        path = folder / "bin" / name
        path.write_text(f'#!/bin/bash\nprintf "%s\\n" {name} "$@" >words\n')
        path.chmod(0o755)
    places = {"/recipes/": f"{RECIPES}/", "/data/": f"{folder}/"}
    start = re.compile("^(/recipes/|/data/)")
    own = [start.sub(lambda found: places[found[0]], word) for word in words]
    found = []
    for _ in range(2):
        environment = os.environ | {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}
        subprocess.run(own, cwd=folder, env=environment, check=True)
        found.append((folder / "words").read_text().replace(str(folder), "/data").split("\n")[:-1])
        (folder / "runs" / "law" / "0001-law").mkdir(parents=True, exist_ok=True)
        (folder / "runs" / "law" / "0001-law" / "manifest.json").write_text("{}")
    return found


def test_the_command_of_one_pod_starts_or_goes_on(tmp_path: Path) -> None:
    assert started(container(RECIPES / "kubernetes" / "job.yaml")["command"], tmp_path) == [
        ["loralab", "train", "/data/law.yaml", "run.dir=/data/runs/law"],
        ["loralab", "resume", "/data/runs/law/0001-law"],
    ]


def test_the_pods_of_several_machines_find_each_other(tmp_path: Path) -> None:
    from torch.distributed.run import parse_args

    path = RECIPES / "kubernetes" / "nodes.yaml"
    job, service = of_kind(path, "Job"), of_kind(path, "Service")
    name, pod, inside = job["metadata"]["name"], job["spec"]["template"]["spec"], container(path)
    words = [word.replace("$(JOB_COMPLETION_INDEX)", "1") for word in inside["command"]]
    first, then = started(words, tmp_path)
    assert first[0] == then[0] == "torchrun"
    asked = parse_args(first[1:])
    assert (asked.nnodes, asked.nproc_per_node, asked.node_rank, asked.max_restarts) == ("2", "4", 1, 0)
    assert asked.no_python and [asked.training_script, *asked.training_script_args] == [
        "loralab", "train", "/data/law.yaml", "run.dir=/data/runs/law"
    ]  # fmt: skip
    assert parse_args(then[1:]).training_script_args == ["resume", "/data/runs/law/0001-law"]
    assert job["spec"]["completions"] == job["spec"]["parallelism"] == int(asked.nnodes)
    assert inside["resources"]["limits"]["nvidia.com/gpu"] == int(asked.nproc_per_node)
    assert (
        asked.master_addr == f"{name}-0.{service['metadata']['name']}"
        and pod["subdomain"] == service["metadata"]["name"]
    )
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["selector"] == {"batch.kubernetes.io/job-name": name}
    assert job["spec"]["successPolicy"]["rules"] == [{"succeededIndexes": "0"}]
    patience = next(int(e["value"]) for e in inside["env"] if e["name"] == "TORCH_ELASTIC_SHUTDOWN_TIMEOUT")
    assert patience < pod["terminationGracePeriodSeconds"]
