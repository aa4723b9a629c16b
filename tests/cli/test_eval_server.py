"""`loralab eval --server`: the options that go together, an exit code for every end, and the way on."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from doubles.command import ended, invoke, wait_until
from doubles.completions import CompletionsDouble
from doubles.forked_command import fork
from loralab.run.files import read_json_lines

HEAD = "input,output,A,B,C,D,source,multichoice\n"


@pytest.fixture
def double() -> Iterator[CompletionsDouble]:
    with CompletionsDouble() as double:
        yield double


@pytest.fixture
def words(tiny_model: Path, tmp_path: Path) -> list[str | Path]:
    path = tmp_path / "exam.csv"
    rows = [f"第{i}题：定金和订金一样吗？,A,一样,不一样,看金额,看地区,自拟,False\n" for i in range(6)]
    path.write_text(HEAD + "".join(rows), "utf-8")
    return ["eval", tiny_model, "--task", "disc:single", "--questions", path, "--out", tmp_path / "out"]


def test_a_server_answers_and_the_scores_are_there(
    words: list[str | Path], double: CompletionsDouble, tmp_path: Path
) -> None:
    said = invoke(*words, "--server", f"{double.url}/v1", "--in-flight", "2", "--json")
    assert said.code == 0, said.err
    result = json.loads(said.out)
    assert result["asked"] == 6 and result["scores"]["disc:single"]["accuracy"]["n"] == 6
    assert len(read_json_lines(tmp_path / "out" / "predictions.jsonl")) == 6
    assert "Traceback" not in said.err and "next: loralab score " in said.err


@pytest.mark.parametrize(
    ("options", "code", "expected"),
    [
        (["--server-model", "base"], 2, "--server-model would have no effect without --server"),
        (["--in-flight", "3"], 2, "--in-flight would have no effect without --server"),
        (["--server", "{url}", "--batch-rows", "8", "--dtype", "auto"], 2, "--batch-rows, --dtype would have no effect"),
        (["--server", "{url}", "--server-model", "law"], 2, "one of: base"),
        (["--server", "http://me:secret@127.0.0.1:1"], 2, "LORALAB_SERVER_KEY"),
        (["--server", "{url}", "--in-flight", "0"], 2, "--in-flight"),
    ],
)  # fmt: skip
def test_options_that_do_not_go_together_end_with_2(
    words: list[str | Path],
    double: CompletionsDouble,
    tmp_path: Path,
    options: list[str],
    code: int,
    expected: str,
) -> None:
    said = invoke(*words, *(option.format(url=double.url) for option in options))
    assert said.code == code and expected in said.err, said.err
    assert "secret" not in said.err and "Traceback" not in said.err and said.out == ""
    assert not (tmp_path / "out").exists() and double.asked == []


def test_a_server_that_is_gone_ends_with_4_in_both_languages(
    words: list[str | Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loralab.engine.server_patience.Patience.pause_seconds", lambda self, failures: 0.0)
    with CompletionsDouble() as double:
        url = double.url
    for language, expected in (
        ("en", "the server gave no answer in 3 tries"),
        ("zh", "服务器在 3 次尝试中均未给出回答"),
    ):
        said = invoke(*words, "--server", url, "--lang", language)
        assert said.code == 4 and expected in said.err and url in said.err, said.err


def test_ctrl_c_ends_with_130_though_requests_are_under_way_and_the_same_command_goes_on(
    words: list[str | Path], tmp_path: Path
) -> None:
    def fault(prompt: object, number: int) -> str | None:
        return "stalled" if len(double.seen) > 2 else None

    with CompletionsDouble(faults=fault) as double:
        asking = [*words, "--server", double.url, "--in-flight", "2"]
        process = fork(*asking, cwd=tmp_path)
        partial = tmp_path / "out" / "partial.jsonl"
        wait_until(
            lambda: double.under_way == 2 and partial.is_file() and b"\n" in partial.read_bytes(), process
        )
        process.send_signal(signal.SIGINT)
        said = ended(process)
        assert said.code == 130 and "next: loralab eval " in said.err and "Traceback" not in said.err, (
            said.err
        )
        there = len(read_json_lines(partial))
        double.faults = lambda prompt, number: None
        again = invoke(*asking)
    assert again.code == 0 and f"{there} of 6 answers are there already" in again.err, again.err
