"""The Ray engine against a stand-in for the package: what is asked of it, what is refused, and what is made of its answers."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from doubles.studies import WriteStudy
from loralab.errors import ResourceError, UsageError
from loralab.study import ray as engine_file
from loralab.study.plan import load_study
from loralab.study.ray import RayEngine, is_lost
from loralab.study.schema import Cluster


class RayError(Exception):
    """As Ray's own."""


class FakeRay(ModuleType):
    """Tasks that are over at once, with the results that the test gives."""

    def __init__(self, *resources: dict[str, float]) -> None:
        super().__init__("ray")
        self.exceptions = SimpleNamespace(RayError=RayError)
        self.resources, self.results, self.asked = resources, dict[str, Any](), list[Any]()
        self.statistics: str | None = None
        self.unreachable: Exception | None = None
        self.head = socket.create_server(("127.0.0.1", 0))
        self.port = self.head.getsockname()[1]

    def get_runtime_context(self) -> SimpleNamespace:
        return SimpleNamespace(gcs_address=f"127.0.0.1:{self.port}")

    def init(self, **options: Any) -> None:
        self.statistics = os.environ.get("RAY_USAGE_STATS_ENABLED")
        self.asked.append(("init", options))
        if self.unreachable:
            raise self.unreachable

    def nodes(self) -> list[dict[str, Any]]:
        return [{"Alive": True, "Resources": found} for found in self.resources]

    def remote(self, **options: Any) -> Callable[[Any], Any]:
        self.asked.append(("remote", options))
        return lambda function: SimpleNamespace(remote=lambda study, cell_id, language: cell_id)

    def wait(self, tasks: list[str], num_returns: int, timeout: float) -> tuple[list[str], list[str]]:
        assert num_returns == len(tasks) and timeout == 0
        over = [task for task in tasks if task in self.results]
        return over, [task for task in tasks if task not in over]

    def get(self, task: str) -> Any:
        if isinstance(self.results[task], Exception):
            raise self.results[task]
        return self.results[task]

    def cancel(self, task: str) -> None:
        self.asked.append(("cancel", task))

    def shutdown(self) -> None:
        self.asked.append(("shutdown", {}))


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeRay]:
    """A cluster of two machines in place of the package."""
    fake = FakeRay({"CPU": 16.0}, {"CPU": 4.0, "GPU": 2.0})
    fake.__spec__ = ModuleSpec("ray", None, origin="this test")  # what an installed package has
    monkeypatch.setitem(sys.modules, "ray", fake)
    monkeypatch.delenv("RAY_USAGE_STATS_ENABLED", raising=False)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    yield fake
    fake.head.close()


def test_no_statistics_are_sent_and_lines_are_not_folded(
    ray: FakeRay, monkeypatch: pytest.MonkeyPatch
) -> None:
    RayEngine(Cluster(gpus=1, cpus=2))
    assert (
        ray.statistics == "0" and ("init", {"log_to_driver": False, "include_dashboard": False}) in ray.asked
    )
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "1")
    RayEngine(Cluster(gpus=0, cpus=2))
    assert ray.statistics == "1", "what the user sets wins"


def test_tasks_ask_for_what_the_study_says(ray: FakeRay) -> None:
    RayEngine(Cluster(gpus=2, cpus=4))
    assert ("remote", {"num_cpus": 4, "num_gpus": 2, "max_retries": 3}) in ray.asked


@pytest.mark.parametrize(("gpus", "cpus"), [(3, 1), (1, 8), (0, 32)])
def test_what_no_machine_has_is_refused_before_anything_is_submitted(
    ray: FakeRay, gpus: int, cpus: int
) -> None:
    """Sums over machines do not help: a cell is on one of them."""
    with pytest.raises(ResourceError, match="the most are 2 and 16"):
        RayEngine(Cluster(gpus=gpus, cpus=cpus))
    assert [what for what, _ in ray.asked] == ["init", "shutdown"]


def test_tasks_that_are_over_are_told_once(ray: FakeRay, write_study: WriteStudy) -> None:
    engine = RayEngine(Cluster(gpus=0, cpus=1))
    one, two, three = (p.cell for p in load_study(write_study("axes: {lora.rank: [2, 4, 8]}\n")).cells)
    assert engine.over() == {}
    for cell in (one, two, three):
        engine.submit(Path("/study"), cell, "en")
    assert engine.over() == {}
    ray.results = {one.id: 0, three.id: RayError("the machine is gone\nand more")}
    assert engine.over() == {one.id: "0", three.id: "RayError: the machine is gone"}
    assert engine.over() == {}
    engine.cancel()
    ray.results = {two.id: RayError()}  # Ray says nothing of a task that it has cancelled
    assert engine.over() == {two.id: "RayError"}
    engine.close()
    assert ray.asked[-2:] == [("cancel", two.id), ("shutdown", {})]


def test_a_cluster_that_cannot_be_reached_is_no_traceback(
    ray: FakeRay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "head:6379")
    for reason in (ConnectionError("InvalidAuthToken"), RayError("no token was found")):
        ray.unreachable = reason
        with pytest.raises(UsageError, match=f"head:6379: no Ray cluster can be reached: {reason}"):
            RayEngine(Cluster())


def test_machines_that_are_lost_are_missed(ray: FakeRay, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray would have the cells wait for a machine that never comes, without a word."""
    engine = RayEngine(Cluster(gpus=2, cpus=4))
    ray.resources = ({"CPU": 16.0},)
    assert engine.obstacle() is None, "the machines were looked at a moment ago"
    monkeypatch.setattr(engine_file, "LOOK_SECONDS", 0.0)
    assert "no machine of the cluster has 2 GPUs and 4 CPUs any more" in str(engine.obstacle())
    ray.resources = ({"CPU": 16.0}, {"CPU": 4.0, "GPU": 2.0})
    assert engine.obstacle() is None
    ray.head.close()
    assert "the head of the cluster does not answer" in str(engine.obstacle())


def test_a_machine_is_lost_if_the_cluster_had_it_and_has_none_of_its_name() -> None:
    nodes = [node("old", False), node("back", False), node("back", True), node("here", True)]
    assert {name: is_lost(nodes, name) for name in ("old", "back", "here", "stranger")} == {
        "old": True, "back": False, "here": False, "stranger": False,
    }  # fmt: skip


def node(name: str, is_alive: bool) -> dict[str, Any]:
    return {"Alive": is_alive, "NodeManagerHostname": name}
