"""A sample of `python -m faults swanlab`, and what its table is for: to see a promise that is not kept."""

from __future__ import annotations

import dataclasses
import threading
import time
from pathlib import Path

import pytest

from doubles.warm_child import warm_children
from faults.meter import Meter
from faults.small_job import SmallJob
from faults.steps import Memory, last_step
from faults.swanlab import Result, look
from faults.swanlab_rows import rows
from loralab.track.fanout import Fanout
from loralab.track.verify import Mirror

WHOLE, TORN = Mirror(60, 60, 8, 8), Mirror(60, 24, 8, 0)
GOOD = Result("f", "finished", (0,), 10, 0, TORN, "what is missing", Meter(0.001, 1.0, 7, 2.0), WHOLE, "here")


@pytest.mark.parametrize("fault", ["server dies in the middle", "both killed, 0-byte file, resumed"])
def test_a_run_and_its_record_survive_what_happens_to_its_mirror(
    fault: str, small_job: SmallJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWANLAB_ROOT", str(tmp_path / "login"))
    warm_children(monkeypatch)
    (row,) = [row for row in rows() if row.fault == fault]
    result = look(row, small_job.config, tmp_path / "row")
    assert result.wrong == [], (result, (tmp_path / "row" / "said.txt").read_text("utf-8"))
    assert result.line().startswith(f"| {fault} | finished, exit ")


@pytest.mark.parametrize(
    "broken",
    [
        {"status": "failed"}, {"steps": 9}, {"gaps": 1}, {"meter": Meter(0.001, 1.0, 7, 15.1)},
        {"meter": Meter(0.011, 1.0, 7, 2.0)}, {"meter": Meter()}, {"said": ""}, {"repaired": TORN},
        {"sent": "not all on a server: 3 of 60 points"},
    ],
)  # fmt: skip
def test_each_promise_that_is_not_kept_is_seen(broken: dict[str, object]) -> None:
    assert GOOD.wrong == []
    assert len(dataclasses.replace(GOOD, **broken).wrong) == 1


def test_what_sinks_cost_is_measured_on_the_thread_that_trains_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(fanout: Fanout, event: object) -> None:
        until = time.thread_time() + 0.002
        while time.thread_time() < until:
            pass

    monkeypatch.setattr(Fanout, "publish", busy)
    monkeypatch.setattr(Fanout, "close", Fanout.close)  # put back what the meter takes the place of
    meter, fanout = Meter(), Fanout([], None, lambda *_: None)
    meter.install(lambda event: None)
    for number, kind in enumerate(("step", "step", "step", "checkpoint", "step", "step")):
        fanout.publish({"kind": kind, "step": number})
    assert meter.steps == 3, "the one around the checkpoint does not count"
    assert 0.006 <= meter.sink_seconds <= meter.step_seconds
    other = threading.Thread(target=fanout.publish, args=({"kind": "step", "step": 9},))
    other.start()
    other.join()
    assert meter.steps == 3


def test_memory_is_what_a_run_has_once_begun_and_the_most_after_that(tmp_path: Path) -> None:
    memory = Memory()
    for step, mib in ((0, 900.0), (1000, 100.0), (2000, 130.0), (3000, 120.0)):
        memory.note(step, {"the run": mib})
    memory.note(4000, {"the run": 110.0, "SwanLab": 70.0})
    assert (memory.early, memory.most) == ({"the run": 100, "SwanLab": 70}, {"the run": 130, "SwanLab": 70})
    assert str(memory) == "the run 100 then at most 130, SwanLab 70 then at most 70"
    assert last_step(tmp_path / "none") == 0
    (tmp_path / "events.jsonl").write_text(
        '{"seq": 1, "kind": "step", "step": 7}\n{"seq": 2, "kind": "no', "utf-8"
    )
    assert last_step(tmp_path / "events.jsonl") == 7
