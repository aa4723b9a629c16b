"""Curves of a run in the terminal: as wide as it is, coloured there, in ASCII where it carries nothing else."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from doubles.command import Job, invoke
from loralab.cli.charts import coloured, is_ascii_only, print_curves
from loralab.cli.console import Console
from loralab.run.view import open_run


def test_show_draws_loss_and_gradient_norm_between_facts_and_scores(job: Job) -> None:
    said = invoke("show", job.run)
    assert said.out == "" and "\x1b" not in said.err
    places = [
        said.err.index(word) for word in ("steps 10: loss", "Loss (nats", "Gradient norm (", "Held-out loss:")
    ]
    assert places == sorted(places)
    drawn = [line for line in said.err.splitlines() if "|" in line]
    assert len(drawn) == 14 and max(map(len, drawn)) <= 80
    assert "|" not in invoke("show", job.run, "-q").err


@pytest.mark.parametrize("columns", [40, 72, 200])
def test_curves_are_as_wide_as_the_terminal_but_not_endless(
    job: Job, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    err = invoke("show", job.run).err
    below = next(line for line in err.splitlines() if "optimizer step" in line)
    assert len(below) == min(columns, 120)


@pytest.mark.parametrize(
    ("encoding", "plain"), [("utf-8", False), (None, False), ("ascii", True), ("gbk", True), ("latin-1", True), ("odd", True)]
)  # fmt: skip
def test_which_encodings_carry_braille(encoding: str | None, plain: bool) -> None:
    assert is_ascii_only(encoding) is plain


def test_a_stream_without_braille_gets_stars(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stderr", stream)
    print_curves(open_run(job.run), Console("en"))
    stream.seek(0)
    text = stream.read()
    assert text.isascii() and "*" in text and "Loss (nats per label token)" in text


def test_only_what_is_drawn_has_colours() -> None:
    line = "10:0 |⠑░o :"
    assert coloured(line).plain == line
    styles = {line[span.start : span.end]: span.style for span in coloured(line).spans}
    assert styles == {"⠑": "cyan", "░": "bright_black", "o": "bold yellow", ":": "red"}
    assert coloured("o held-out loss: *").spans == []


def test_a_run_without_steps_has_no_curves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config.yaml").write_text("")
    print_curves(open_run(tmp_path), Console("en"))
    assert capsys.readouterr().err == ""
