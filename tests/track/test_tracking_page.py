"""The sink of the documentation runs as it stands there, and is as short as it says."""

import csv
import re
from pathlib import Path

from trial import Trial

from loralab.run import Run
from loralab.track.verify import expected

PAGE = Path(__file__).parents[2] / "docs" / "tracking.md"


def test_the_sink_of_the_page_writes_every_point(tmp_path):
    (source,) = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    body = source.partition("class ")[2].splitlines()
    assert len([line for line in body if line.strip()]) <= 20
    names = {}
    exec(compile(source, str(PAGE), "exec"), names)
    trial = Trial(tmp_path, names["CsvSink"]())
    trial.steps(1, 3)
    trial.stage("after", 2, 1.5)
    trial.emit("run_finished", reason="done", seconds=1.0)
    trial.close()
    assert trial.failures == []
    with (trial.folder.track("csv") / "points.csv").open(newline="", encoding="utf-8") as stream:
        found = {(key, int(step)): float(value) for step, key, value in csv.reader(stream)}
    assert found == expected(Run(trial.folder))[0] and len(found) == 19
