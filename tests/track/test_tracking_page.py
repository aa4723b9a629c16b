"""The sinks of the documentation run as they stand there, are as short as it says, and may be any of a user's."""

import csv
import re
from pathlib import Path

import pytest
from fake_sinks import Failures, Raising, Recorder, step
from hypothesis import given, settings
from hypothesis import strategies as st
from trial import Trial

import loralab
from loralab.run import Run, RunFolder
from loralab.track import Fanout
from loralab.track.verify import expected

DOCS = Path(__file__).parents[2] / "docs"


def sink_of(page):
    """The class of a page, made from what stands there up to the first line that is not indented."""
    sources = re.findall(
        r"^```python\n(.*?)^```$", (DOCS / page).read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    (source,) = [source for source in sources if "class CsvSink" in source]
    source = source.partition("\nrun = ")[0]
    names = {}
    exec(compile(source, page, "exec"), names)
    return names["CsvSink"](), [line for line in source.partition("class ")[2].splitlines() if line.strip()]


def points_of(run):
    with (run.track("csv") / "points.csv").open(newline="", encoding="utf-8") as stream:
        return {(key, int(step)): float(value) for step, key, value in csv.reader(stream)}


def test_the_sink_of_the_page_writes_every_point(tmp_path):
    sink, lines = sink_of("tracking.md")
    assert len(lines) <= 20
    trial = Trial(tmp_path, sink)
    trial.steps(1, 3)
    trial.stage("after", 2, 1.5)
    trial.emit("run_finished", reason="done", seconds=1.0)
    trial.close()
    assert trial.failures == []
    found = points_of(trial.folder)
    assert found == expected(Run(trial.folder))[0] and len(found) == 19


@pytest.mark.parametrize("page", ["tracking.zh-CN.md", "library.zh-CN.md"])
def test_both_languages_have_the_same_sink(page):
    chinese, english = (
        [x for x in sink_of(p)[1] if '"""' not in x] for p in (page, page.replace(".zh-CN", ""))
    )
    assert chinese == english


def test_a_run_feeds_the_sinks_of_the_pages_and_outlives_one_that_raises(quick_config):
    points, loss = sink_of("tracking.md")[0], sink_of("library.md")[0]
    broken = Raising("finished", ZeroDivisionError("of the user"))
    broken.handle = lambda event: broken._note(event["kind"] == "step" and event["step"] == 2)
    broken.at = True
    config = quick_config("train.epochs=1", "evaluate.stages=[before]", "evaluate.max_new_tokens=1")
    run = loralab.train(config, sinks=[points, loss, broken])
    assert run.status == "finished" and points_of(run.folder) == expected(run)[0]
    with (run.folder.track("csv") / "loss.csv").open(newline="", encoding="utf-8") as stream:
        assert [(int(s), float(x)) for s, x in csv.reader(stream)] == [
            (e["step"], e["loss"]) for e in run.record.steps()
        ]
    (failed,) = run.record.of_kind("sink_failed")
    assert failed["sink"] == "raising" and failed["error"] == "ZeroDivisionError: of the user"
    assert failed["events_lost"] > 0


PLACES = st.sampled_from(["open", *range(1, 9), "finished", "never"])
ERRORS = st.sampled_from([ValueError, OSError, SystemExit, KeyboardInterrupt, MemoryError, StopIteration])


@settings(max_examples=40)
@given(st.lists(st.tuples(PLACES, ERRORS), max_size=4))
def test_whatever_sinks_raise_wherever_the_others_get_everything(users):
    good, failures = Recorder(), Failures()
    fanout = Fanout([good, *(Raising(at, error("x")) for at, error in users)], RunFolder(Path()), failures)
    for number in range(1, 9):
        fanout.publish(step(number))
    fanout.close("finished")
    assert good.calls == ["open", *range(1, 9), "finished"]
    wanted = sorted(f"{error.__name__}: x" for at, error in users if at != "never")
    assert sorted(error for _, error, _ in failures) == wanted
    assert all(0 <= lost <= 8 for _, _, lost in failures)
