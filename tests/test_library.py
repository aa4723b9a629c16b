"""What `import loralab` offers, and how little it loads."""

from __future__ import annotations

import ast
import json
import pkgutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import loralab
from doubles.compared import write_run
from loralab.errors import Interrupted, RunFailed
from loralab.run.events import Event
from loralab.run.folder import RunFolder
from loralab.train.stop import StopRequest

HEAVY = {"torch", "transformers", "peft", "swanlab", "jieba", "pandas"}
# A command, and what needs Triton, which comes with torch for CUDA.
NOT_EVERYWHERE = {"loralab.__main__", "loralab.engine.philox_kernel"}


def modules_after(code: str) -> set[str]:
    """Top-level modules that a fresh interpreter has loaded after `code`."""
    script = f"{code}\nimport sys, json\nsys.stderr.write(json.dumps(sorted({{m.partition('.')[0] for m in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(done.stderr.splitlines()[-1]))


def test_importing_the_package_loads_no_heavy_package() -> None:
    assert modules_after("import loralab") & HEAVY == set()


def test_help_loads_no_heavy_package() -> None:
    code = (
        "from loralab.cli import main\nimport click\n"
        "assert main.main.main(['--help'], standalone_mode=False) == 0"
    )
    loaded = modules_after(code)
    assert "loralab" in loaded and loaded & HEAVY == set()


def test_nothing_of_the_package_is_imported_before_it_is_used() -> None:
    code = "import loralab, sys\nassert not [m for m in sys.modules if m.startswith('loralab.')]"
    assert "loralab" in modules_after(code)


def test_verbs_that_read_runs_and_rows_load_no_model_library(tmp_path: Path, rows_file: Path) -> None:
    """Each verb in turn, in one process: a second of imports is more than most of them take."""
    runs = tmp_path / "runs"
    for name in ("0001-a", "0002-b"):
        write_run(runs / name, {"heldout/exact_match": [0.0, 1.0] * 4})
    one, two = runs / "0001-a", runs / "0002-b"
    verbs = [
        ["--version"], ["train", "--help"], ["init", tmp_path / "new.yaml"], ["ls", runs], ["show", one], ["show", one, "--json"],
        ["watch", one], ["report", one], ["compare", one, two], ["check", rows_file],
    ]  # fmt: skip
    code = f"import sys\nsys.path.insert(0, {str(Path(__file__).parent)!r})\nfrom doubles.command import invoke\n"
    code += "".join(f"print({verb[0]!r}, invoke(*{list(map(str, verb))!r}).code)\n" for verb in verbs)
    done = subprocess.run(
        [sys.executable, "-c", f"{code}print(*sys.modules)"], capture_output=True, text=True, check=True
    )
    *codes, modules = done.stdout.splitlines()
    assert codes == [f"{verb[0]} 0" for verb in verbs], done.stdout
    assert not {"torch", "transformers", "peft", "swanlab"} & set(modules.split())


def test_train_is_the_function_also_after_every_module_was_imported() -> None:
    names = [
        m.name for m in pkgutil.walk_packages(loralab.__path__, "loralab.") if m.name not in NOT_EVERYWHERE
    ]
    code = "import importlib, loralab\n" + "".join(f"importlib.import_module({n!r})\n" for n in names)
    code += "assert callable(loralab.train) and callable(loralab.resume) and loralab.train.__module__ == 'loralab.api'"
    assert "loralab" in modules_after(code)


def test_every_public_name_is_there() -> None:
    assert all(hasattr(loralab, name) for name in loralab.__all__)
    assert set(loralab.__all__) <= set(dir(loralab)) and "__version__" in dir(loralab)
    assert loralab.errors.DataError is loralab.DataError, "a room needs no import of its own"


@pytest.mark.parametrize("name", ["trian", "_config", "no_such_room"])
def test_a_name_that_is_not_there_is_an_attribute_error(name: str) -> None:
    with pytest.raises(AttributeError, match=f"module 'loralab' has no attribute '{name}'"):
        getattr(loralab, name)


def test_names_are_those_that_a_type_checker_is_told() -> None:
    """The imports under TYPE_CHECKING and the table by which names are found say the same."""
    tree = ast.parse(Path(loralab.__file__).read_text("utf-8"))
    told = {
        (alias.name, str(node.module))
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("loralab.")
        for alias in node.names
    }
    assert told == {(name, home) for home, names in loralab._HOMES.items() for name in names}
    assert {name for name, _ in told} == set(loralab.__all__)


class Listener:
    """A sink that keeps what it is given."""

    name = "listener"

    def __init__(self) -> None:
        self.run: RunFolder | None = None
        self.events: list[Event] = []
        self.status = ""

    def open(self, run: RunFolder) -> None:
        self.run = run

    def handle(self, event: Event) -> None:
        self.events.append(event)

    def close(self, status: str) -> None:
        self.status = status


def test_train_returns_the_run_and_feeds_the_sinks(quick_config: Callable[..., Any]) -> None:
    listener = Listener()
    run = loralab.train(quick_config("train.epochs=1"), sinks=[listener])
    assert run.status == listener.status == "finished"
    assert listener.run == run.folder
    assert [e["seq"] for e in listener.events] == [e["seq"] for e in run.record.events]
    assert set(run.scores("after")["heldout"]) >= {"loss", "perplexity", "rouge_l", "exact_match"}
    assert run.folder.report.is_file()


def test_a_program_can_stop_a_run(quick_config: Callable[..., Any], tmp_path: Path) -> None:
    stop = StopRequest()
    stop.ask(2)
    with pytest.raises(Interrupted) as caught:
        loralab.train(quick_config("evaluate.stages=[after]"), stop=stop)
    assert caught.value.exit_code == 130
    (run,) = loralab.list_runs(tmp_path / "runs")
    assert run.status == "interrupted" and run.record.steps()[-1]["step"] == 1
    assert run.folder.checkpoint(1).is_dir() and run.folder.report.is_file()


def test_a_run_that_fails_leaves_its_report(quick_config: Callable[..., Any], tmp_path: Path) -> None:
    with pytest.raises(RunFailed) as caught:
        loralab.train(quick_config("train.learning_rate=1e30", "train.epochs=1", "evaluate.stages=[after]"))
    (run,) = loralab.list_runs(tmp_path / "runs")
    assert run.status == "failed" and run.folder.report.is_file()
    assert caught.value.log == str(run.folder.log)
