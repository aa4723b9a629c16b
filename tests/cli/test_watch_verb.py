"""`loralab watch`: what happens in a run, as lines, as a picture and as events, until it ends; nothing is written."""

from __future__ import annotations

import contextlib
import json
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from doubles.command import ended, invoke, start
from doubles.pseudo_terminal import pseudo_terminal
from loralab.cli import watch as verb
from loralab.cli.console import Console
from loralab.cli.main import run
from loralab.cli.watch_lines import SILENT_SECONDS, WatchLines
from loralab.run.events import EventWriter, Record
from loralab.run.folder import RunFolder
from loralab.run.lock import RunLock
from loralab.run.looks import Look

SCORED = {
    "stage": "before",
    "task": "heldout",
    "metric": "loss",
    "value": 2.5,
    "low": 2.25,
    "high": 2.75,
    "n": 33,
}
FINISHED = ("run_finished", {"reason": "done", "seconds": 9.0})
Written = tuple[str, dict[str, Any]]


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """A run folder in which nothing is recorded yet."""
    path = tmp_path / "0007-law"
    path.mkdir()
    (path / "config.yaml").write_text("")
    return RunFolder(path)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verb, "POLL_SECONDS", 0.01)
    monkeypatch.setattr("loralab.run.looks.REST", 0.0)


def steps(first: int, last: int) -> Iterator[Written]:
    for number in range(first, last + 1):
        fields = {"step": number, "epoch": 1, "loss": 4.0 / number, "grad_norm": 1.0, "seconds": 30.0}
        yield "step", fields


def write(folder: RunFolder, *events: Written) -> None:
    writer = EventWriter(folder.events)
    for kind, fields in events:
        writer.append(kind, **fields)
    writer.close()


def told(num_steps: int = 40) -> list[Written]:
    """A run up to its last step."""
    return [
        ("run_started", {"run": "0007-law"}),
        ("plan", {"steps": num_steps}),
        ("warning", {"code": "odd", "message": "7 answers are cut"}),
        ("stage_started", {"stage": "before"}),
        ("prediction", {"stage": "before", "id": "1", "answer": "a"}),
        ("held_out", {"step": 0, "loss": 2.75}),
        ("scored", SCORED),
        ("stage_finished", {"stage": "before", "seconds": 3.0}),
        *steps(1, num_steps),
        ("held_out", {"step": num_steps, "loss": 1.25}),
    ]


def step_lines(text: str) -> list[int]:
    return [int(found) for found in re.findall(r"^step (\d+) of ", text, re.MULTILINE)]


def test_a_run_in_lines(folder: RunFolder) -> None:
    write(folder, *told(), FINISHED)
    said = invoke("watch", folder.path)
    assert said.code == 0 and said.out == "" and "\r" not in said.err and "\x1b" not in said.err
    assert step_lines(said.err) == list(range(2, 41, 2)), "a line for every 5 %"
    lines = said.err.splitlines()
    assert lines[0] == f"run {folder.path}" and lines[-1] == f"next: loralab show {folder.path}"
    for line in (
        "warning: 7 answers are cut", "evaluating: before", "evaluated before: 1 answers in 3 s",
        "held-out loss 2.750 at step 0", "before: heldout/loss 2.500 [2.250, 2.750] n=33",
        "step 2 of 40: loss 2.000", "held-out loss 1.250 at step 40", "0007-law: finished",
    ):  # fmt: skip
        assert line in lines, line


def test_the_events_as_json_lines(folder: RunFolder) -> None:
    write(folder, *told(), FINISHED)
    said = invoke("watch", folder.path, "--json")
    written = [json.loads(line) for line in folder.events.read_text("utf-8").splitlines()]
    assert [json.loads(line) for line in said.out.splitlines()] == written
    assert said.code == 0 and len(said.err.splitlines()) == 3 and "0007-law: finished" in said.err


def test_quiet_says_nothing_and_ends_with_the_run(folder: RunFolder) -> None:
    write(folder, *told(), FINISHED)
    assert invoke("watch", folder.path, "-q") == invoke("-q", "watch", folder.path, "--plain")
    assert invoke("watch", folder.path, "-q").err == ""


@pytest.mark.parametrize(
    ("end", "words", "following"),
    [
        (("run_failed", {"error": "the loss is not finite", "where": "step 3"}), ["failed", "the loss is not finite"], "show"),
        (("run_interrupted", {"signal": 2, "step": 3}), ["interrupted", "at step 3"], "resume"),
        (None, ["stale", "gone without a word"], "resume"),
    ],
)  # fmt: skip
def test_how_a_run_ended_otherwise_is_told(
    folder: RunFolder, end: Written | None, words: list[str], following: str
) -> None:
    write(folder, *told(3), *([end] if end else []))
    said = invoke("watch", folder.path)
    assert said.code == 0, said.err
    assert all(word in said.err for word in words)
    assert said.err.rstrip().endswith(f"next: loralab {following} {folder.path}")


def test_a_run_is_followed_from_before_its_first_event_to_its_end(folder: RunFolder) -> None:
    lock, seen = RunLock(folder.lock), list[Look]()

    def act(look: Look) -> None:
        seen.append(look)
        if len(seen) == 1:
            write(folder, *told(40)[:28])
            with folder.events.open("ab") as stream:
                stream.write(b'{"seq": 28, "kind": "st')
        if len(seen) == 4:
            write(folder, *steps(21, 40), FINISHED)  # this cuts off what is torn
            lock.release()

    with after_each_look(act):
        said = invoke("watch", folder.path)
    assert said.code == 0 and step_lines(said.err) == list(range(2, 41, 2))
    assert said.err.count("waiting for the first event") == 1
    assert "step 20 of 40: loss 0.2000, 10 min 0 s of training left" in said.err
    assert [look.status for look in seen] == ["waiting", "running", "running", "running", "finished"]
    assert [len(look.new) for look in seen] == [0, 28, 0, 0, 21] and seen[2].record.torn_bytes == 23


@contextlib.contextmanager
def after_each_look(act: Callable[[Look], None]) -> Iterator[None]:
    """Let something happen once a look has been told."""
    whole = WatchLines.show

    def both(lines: WatchLines, look: Look) -> None:
        whole(lines, look)
        act(look)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WatchLines, "show", both)
        yield


def test_a_folder_that_was_made_a_moment_ago_is_waited_for(folder: RunFolder) -> None:
    folder.config.unlink()

    def act(look: Look) -> None:
        if look.status == "waiting":
            write(folder, *told(2), FINISHED)

    with after_each_look(act):
        said = invoke("watch", folder.path)
    assert said.code == 0 and "waiting for the first event" in said.err and "finished" in said.err


def test_a_replaced_record_is_read_again_and_that_is_said(folder: RunFolder) -> None:
    lock = RunLock(folder.lock)
    write(folder, *told(20))

    def act(look: Look) -> None:
        if look.new and not look.began_again:
            folder.events.unlink()
            write(folder, *told(4), FINISHED)
            lock.release()

    with after_each_look(act):
        said = invoke("watch", folder.path)
    assert said.code == 0 and said.err.count("was replaced: it is read from its start again") == 1
    assert step_lines(said.err) == [*range(1, 21), *range(1, 5)]


def test_after_a_resume_the_lines_begin_where_the_steps_do(folder: RunFolder) -> None:
    write(folder, *told(20)[:18], ("run_resumed", {"from_step": 5}), *steps(6, 20), FINISHED)
    said = invoke("watch", folder.path)
    assert step_lines(said.err) == [*range(1, 11), *range(6, 21)]
    assert "resumed after step 5; later steps are made again" in said.err


def test_nothing_is_written(folder: RunFolder) -> None:
    write(folder, *told(), FINISHED)
    before = {path: path.stat() for path in [folder.path, *folder.path.iterdir()]}
    folder.path.chmod(0o500)
    assert invoke("watch", folder.path).code == 0
    folder.path.chmod(0o700)
    after = {path: path.stat() for path in [folder.path, *folder.path.iterdir()]}
    assert {p: (s.st_mtime_ns, s.st_size) for p, s in after.items()} == {
        p: (s.st_mtime_ns, s.st_size) for p, s in before.items()
    }


def test_what_cannot_be_read_is_told(folder: RunFolder) -> None:
    write(folder, *told(2), FINISHED)
    with folder.events.open("ab") as stream:
        stream.write(b"{broken\n" + b'{"torn')
    said = invoke("watch", folder.path)
    assert "1 lines of events.jsonl are damaged" in said.err and "torn (6 bytes)" in said.err
    folder.events.unlink()
    folder.events.mkdir()
    said = invoke("watch", folder.path)
    assert said.code == 2 and "cannot be read" in said.err


@pytest.mark.parametrize(("host", "words"), [("elsewhere", "cannot be seen from here"), ("", "is alive")])
def test_a_long_silence_is_told_once(
    folder: RunFolder, capsys: pytest.CaptureFixture[str], host: str, words: str
) -> None:
    RunLock(folder.lock)
    if host:
        folder.lock.write_text(json.dumps({"pid": 1, "host": host}), "utf-8")
    lines = WatchLines(folder, Console("en"))
    for seconds in (0.0, SILENT_SECONDS, SILENT_SECONDS + 1, 0.0):
        lines.show(Look([], Record(()), "running", False, seconds))
    err = capsys.readouterr().err
    assert err.count("nothing new for 10 min") == 1 and words in err and host in err


def test_words_in_chinese(folder: RunFolder) -> None:
    write(folder, *told(), FINISHED)
    said = invoke("watch", folder.path, "--lang", "zh")
    assert "第 2/40 步：损失 2.000" in said.err and "已完成" in said.err and "step" not in said.err


def test_what_is_no_run(tmp_path: Path, folder: RunFolder) -> None:
    assert "no such run folder" in invoke("watch", tmp_path / "absent").err
    other = tmp_path / "2026-holidays"
    other.mkdir()
    (other / "photo.jpg").write_text("")
    for path in (tmp_path, other):
        said = invoke("watch", path)
        assert said.code == 2 and "is not a run folder" in said.err
    folder.manifest.write_text('{"format": 99}')
    assert invoke("watch", folder.path).code == 2


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_watching_alone(folder: RunFolder, number: signal.Signals, code: int) -> None:
    lock = RunLock(folder.lock)
    write(folder, *told(4))
    process = start("watch", folder.path, cwd=folder.path)
    assert process.stderr is not None
    while "held-out loss 1.250" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(number)
    said = ended(process)
    assert said.code == code and "the run itself was left alone" in said.err and "Traceback" not in said.err
    assert folder.lock.exists()
    lock.release()


# ------------------------------------------------------------------------------------------ in a terminal


def in_terminal(*words: str | Path) -> str:
    """What `loralab WORDS` writes to a terminal of 90 columns and 30 rows."""
    with pseudo_terminal() as (terminal, screen), pytest.MonkeyPatch.context() as patch:
        for name, value in {"TERM": "xterm", "COLUMNS": "90", "LINES": "30"}.items():
            patch.setenv(name, value)
        patch.setattr("sys.stderr", terminal)
        patch.setattr("sys.argv", ["loralab", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            run()
    assert end.value.code == 0
    return screen.text


def without_codes(text: str) -> str:
    """The text without what steers the terminal."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).replace("\r", "")


def test_a_picture_of_the_run_is_drawn_and_warnings_stand_above_it(folder: RunFolder) -> None:
    write(folder, *told(), FINISHED)
    text = without_codes(in_terminal("watch", folder.path))
    lines = text.splitlines()
    assert lines.index("warning: 7 answers are cut") < lines.index("0007-law: finished")
    assert f"[{'#' * 58}]" in lines and "step 40 of 40: loss 0.1000" in lines
    assert "held-out loss 1.250 at step 40" in lines and "Loss (nats per label token)" in lines
    assert any("\u2800" < sign <= "\u28ff" for sign in text)
    assert 80 < max(len(line) for line in lines if " |" in line) <= 90
    assert lines[-1] == f"next: loralab show {folder.path}"


def test_a_run_that_goes_on_has_its_time_left_and_its_last_scores(folder: RunFolder) -> None:
    lock = RunLock(folder.lock)
    write(folder, *told(40)[:18])

    def act(look: Look) -> None:
        if look.status == "running":
            write(folder, FINISHED)
            lock.release()

    with after_each_look(act):
        text = without_codes(in_terminal("watch", folder.path))
    for line in (
        "0007-law: running", f"[{'#' * 14}{'-' * 44}]", "step 10 of 40: loss 0.4000, 15 min 0 s of training left",
        "before: heldout/loss 2.500 [2.250, 2.750] n=33",
    ):  # fmt: skip
        assert line in text, line


@pytest.mark.parametrize("variable", ["", "NO_COLOR"])
def test_colours_unless_they_are_not_wanted(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    if variable:
        monkeypatch.setenv(variable, "1")
    write(folder, *told(), FINISHED)
    text = in_terminal("watch", folder.path)
    assert ("\x1b[36m" in text) is (not variable) and "|" in text


@pytest.mark.parametrize("words", [["--plain"], ["--json"], ["-q"]])
def test_a_terminal_is_not_redrawn_where_that_is_not_wanted(
    folder: RunFolder, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, *told(), FINISHED)
    text = in_terminal("watch", folder.path, *words)
    assert "\x1b[2K" not in text and "\x1b[?25l" not in text and "#" not in text
