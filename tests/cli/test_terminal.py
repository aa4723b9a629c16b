"""What a run says as it goes: lines in a log file, a bar with lines above it in a terminal."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from doubles.pseudo_terminal import pseudo_terminal
from loralab.cli.console import QUIET, VERBOSE, Console
from loralab.cli.terminal import TerminalSink
from loralab.run.folder import RunFolder


def step(number: int, loss: object = 1.5) -> dict[str, Any]:
    return {
        "kind": "step",
        "step": number,
        "loss": loss,
        "tokens": 100,
        "seconds": 0.5,
        "peak_bytes": 1 << 30,
    }


def play(sink: TerminalSink, tmp_path: Path, total: int, *events: dict[str, Any]) -> None:
    sink.open(RunFolder(tmp_path / "0001-run"))
    sink.handle({"kind": "plan", "steps": total})
    for event in events:
        sink.handle(event)
    sink.close("finished")


def lines_of_steps(text: str) -> list[int]:
    return [int(n) for n in re.findall(r"step (\d+)/", text)]


@pytest.mark.parametrize(
    ("total", "expected"), [(3, [1, 2, 3]), (20, list(range(1, 21))), (200, list(range(10, 201, 10)))]
)
def test_a_log_has_a_line_for_every_5_percent(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, total: int, expected: list[int]
) -> None:
    play(TerminalSink(Console("en"), 1), tmp_path, total, *(step(i) for i in range(1, total + 1)))
    err = capsys.readouterr().err
    assert lines_of_steps(err) == expected and "\r" not in err
    assert "loss 1.5000  200 tokens/s  1.00 GiB" in err


def test_a_loss_that_is_no_number_is_shown_as_it_is(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    play(TerminalSink(Console("en"), 1), tmp_path, 2, step(1, "NaN"), step(2, float("inf")))
    err = capsys.readouterr().err
    assert "loss NaN" in err and "loss inf" in err


def test_warnings_failed_mirrors_and_stages_are_said(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    events = [
        {"kind": "warning", "code": "x", "message": "odd {rows}"},
        {"kind": "sink_failed", "sink": "swanlab", "error": "no network", "events_lost": 3},
        {"kind": "stage_started", "stage": "before"},
        {"kind": "prediction", "stage": "before"}, {"kind": "prediction", "stage": "before"},
        {"kind": "stage_finished", "stage": "before", "seconds": 2.2},
        {"kind": "note", "code": "early_stop", "message": "training ended early"},
        {"kind": "note", "message": "adapter/ is step 4", "step": 4},
        {"kind": "unknown kind of a later version"},
    ]  # fmt: skip
    play(TerminalSink(Console("en"), 1), tmp_path, 2, *events)
    err = capsys.readouterr().err
    assert (
        "warning: odd {rows}" in err
        and "swanlab failed, the run goes on; 3 events not mirrored: no network" in err
    )
    assert "2 answers in 2 s" in err and "training ended early" in err and "adapter/" not in err


@pytest.mark.parametrize(("loudness", "said"), [(QUIET, False), (VERBOSE, True)])
def test_how_loud(capsys: pytest.CaptureFixture[str], tmp_path: Path, loudness: int, said: bool) -> None:
    scored = {"kind": "scored", "stage": "after", "task": "heldout", "metric": "loss", "value": float("nan")}
    play(TerminalSink(Console("en", loudness), 1), tmp_path, 2, step(1), scored)
    err = capsys.readouterr().err
    assert ("heldout/loss: nan" in err) is said and (err != "") is said


def test_a_terminal_has_a_bar_and_a_line_every_so_many_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """train.log_every_steps had no effect."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with pseudo_terminal() as (stderr, screen):
        monkeypatch.setattr("sys.stderr", stderr)
        sink = TerminalSink(Console("en"), 10)
        play(sink, tmp_path, 25, *(step(i) for i in range(1, 26)))
        monkeypatch.undo()
    text = screen.text
    assert lines_of_steps(text) == [10, 20, 25]
    assert "25/25" in text, "the bar counts the steps"
