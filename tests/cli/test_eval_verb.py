"""`loralab eval`: data on stdout, words on stderr, an exit code for every end, and how to go on."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import signal
from pathlib import Path

import pytest

from doubles.command import Job, ended, invoke, wait_until
from doubles.forked_command import fork
from doubles.shared_data import SHARED, needs_shared_data
from loralab.cli.console import Console
from loralab.cli.eval import AnswerProgress
from loralab.run.files import read_json_lines

HEAD = "input,output,A,B,C,D,source,multichoice\n"


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    path = tmp_path / "exam.csv"
    rows = [
        f"第{i}题：定金和订金一样吗？,{'ABCD'[i % 4]},一样,不一样,看金额,看地区,自拟,False\n"
        for i in range(24)
    ]
    path.write_text(HEAD + "".join(rows), "utf-8")
    return path


@pytest.fixture
def words(tiny_model: Path, questions: Path, tmp_path: Path) -> list[str | Path]:
    return ["eval", tiny_model, "--task", "disc:single", "--questions", questions, "--out", tmp_path / "out"]


def test_an_evaluation_from_the_command_line(
    words: list[str | Path], questions: Path, tmp_path: Path
) -> None:
    said = invoke(*words, "--max-new-tokens", "3", "--json")
    assert said.code == 0, said.err
    out = tmp_path / "out"
    assert {p.name for p in out.iterdir()} == {
        "eval.json",
        "partial.jsonl",
        "predictions.jsonl",
        "scores.json",
    }
    result = json.loads(said.out)
    assert result["status"] == "finished" and result["asked"] == 24 and result["out"] == str(out)
    assert result["scores"] == json.loads((out / "scores.json").read_text("utf-8"))
    assert set(result["scores"]["disc:single"]["accuracy"]) == {
        "value",
        "n",
        "low",
        "high",
        "floor",
        "abstention",
    }
    assert "\r" not in said.err and "\x1b" not in said.err and "Warning" not in said.err
    lines = re.findall(r"^(\d+) of 24 answers, \d+:\d\d:\d\d left$", said.err, re.MULTILINE)
    assert lines[-1] == "24" and 18 <= len(lines) <= 20, "a line for each 5 %"
    command = said.err.splitlines()[-1].removeprefix("next: loralab ")
    again = invoke(*shlex.split(command), "--json")
    assert again.code == 0, again.err
    assert json.loads(again.out)["score"] == result["scores"]["disc:single"]["accuracy"]["value"]
    assert command.startswith(
        f"score --task disc:single --predictions {out}/predictions.jsonl --questions {questions}"
    )


def test_the_same_command_again_changes_nothing_and_another_is_refused(
    words: list[str | Path], tmp_path: Path
) -> None:
    quick = [*words, "--max-new-tokens", "2", "--limit", "3"]
    first = invoke(*quick, "--json")
    before = {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()}
    again = invoke(*quick, "--json")
    assert (first.code, again.code) == (0, 0) and first.out == again.out
    assert "is finished: nothing to do" in again.err
    assert "the other 21 questions" in again.err.splitlines()[-1]
    other = invoke(*quick[:-1], "4")
    assert other.code == 2 and "limit was 3, is now 4" in other.err and "--out" in other.err
    assert {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()} == before


def test_an_adapter_of_another_architecture_ends_with_2_and_its_modules(
    words: list[str | Path], tmp_path: Path
) -> None:
    import torch
    from safetensors.torch import save_file

    folder = tmp_path / "adapter"
    folder.mkdir()
    settings = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "r": 2,
        "lora_alpha": 4,
        "target_modules": ["c_attn"],
    }
    (folder / "adapter_config.json").write_text(json.dumps(settings))
    shapes = {"A": (2, 16), "B": (48, 2)}
    name = "base_model.model.transformer.h.0.attn.c_attn.lora_{}.weight"
    save_file(
        {name.format(k): torch.zeros(s) for k, s in shapes.items()}, folder / "adapter_model.safetensors"
    )
    said = invoke(*words, "--adapter", folder)
    assert said.code == 2 and "c_attn" in said.err and "Traceback" not in said.err
    assert not (tmp_path / "out").exists()


def test_ctrl_c_ends_with_130_and_the_command_that_goes_on(words: list[str | Path], tmp_path: Path) -> None:
    slow = [*words, "--batch-rows", "1", "--max-new-tokens", "60"]
    partial = tmp_path / "out" / "partial.jsonl"
    process = fork(*slow, cwd=tmp_path)
    wait_until(lambda: partial.is_file() and b"\n" in partial.read_bytes(), process)
    process.send_signal(signal.SIGINT)
    said = ended(process)
    assert said.code == 130 and said.out == "" and "Traceback" not in said.err, said.err
    answered = len(read_json_lines(partial))
    assert 1 <= answered < 24 and not (tmp_path / "out" / "LOCK").exists()
    command = said.err.splitlines()[-1].removeprefix("next: ")
    assert shlex.split(command) == ["loralab", *map(str, slow)]
    again = invoke(*shlex.split(command)[1:])
    assert (
        again.code == 0
        and f"{answered} of 24 answers are there already, {24 - answered} are missing" in again.err
    )


def test_sigterm_ends_with_143(
    words: list[str | Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def terminate(*_: object) -> None:
        signal.raise_signal(signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr("loralab.evaluate.run_task.load_base", terminate)
    said = invoke(*words)
    assert said.code == 143 and "next: loralab eval " in said.err
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_run_is_evaluated_before_and_after(job: Job, words: list[str | Path], tmp_path: Path) -> None:
    words = ["eval", job.run, *words[2:-1]]
    for stage in ("before", "after"):
        said = invoke(*words, tmp_path / stage, "--stage", stage, "--max-new-tokens", "2", "--limit", "2")
        assert said.code == 0, said.err
    documents = [json.loads((tmp_path / s / "eval.json").read_text("utf-8")) for s in ("before", "after")]
    assert [d["run"]["stage"] for d in documents] == ["before", "after"]
    assert documents[0]["adapter"] is None and documents[1]["adapter"]["folder"] == str(job.run / "adapter")
    assert documents[0]["fingerprint"] == documents[1]["fingerprint"]


@pytest.mark.parametrize(
    ("change", "code", "expected"),
    [
        ({"--task": "disc:singel"}, 2, "disc:single"), ({"--questions": "/no/such/file.csv"}, 2, "/no/such/file.csv"),
        ({"--questions": None}, 2, "--questions FILE"), ({"--adapter": "/no/such/adapter"}, 2, "/no/such/adapter"),
        ({"--stage": "before"}, 2, "is no run"), ({"--limit": "0"}, 2, "--limit"), ({"--out": None}, 2, "--out"),
        ({"--questions": "ftp://x/y"}, 2, "ftp://x/y"), ({"--questions": "{folder}"}, 2, "is a folder"),
        ({"--questions": "{folder}/bad.csv"}, 3, "bad.csv:3"), ({"--questions": "{folder}/empty.csv"}, 3, "empty.csv"),
    ],
)  # fmt: skip
def test_bad_input_has_its_exit_code_and_no_traceback(
    words: list[str | Path], tmp_path: Path, change: dict[str, str | None], code: int, expected: str
) -> None:
    (tmp_path / "bad.csv").write_text(HEAD + "问一？,A,1,2,3,4,x,False\n问二？,,1,2,3,4,x,False\n", "utf-8")
    (tmp_path / "empty.csv").write_text("")
    options = dict(zip(map(str, words[2::2]), words[3::2], strict=True))
    options |= {k: v and v.format(folder=tmp_path) for k, v in change.items()}  # type: ignore[dict-item]
    given = [word for k, v in options.items() if v is not None for word in (k, v)]
    said = invoke("eval", words[1], *given)
    assert said.code == code and expected in said.err, said.err
    assert "Traceback" not in said.err and "bug" not in said.err and said.out == ""
    assert not (tmp_path / "out").exists()


def test_a_model_folder_without_weights_ends_with_2(words: list[str | Path], tmp_path: Path) -> None:
    folder = shutil.copytree(str(words[1]), tmp_path / "model")
    (folder / "model.safetensors").unlink()
    said = invoke("eval", folder, *words[2:])
    assert said.code == 2 and "model.safetensors" in said.err and not (tmp_path / "out").exists()


def test_time_left_is_reckoned_from_answers_and_not_from_when_their_batch_ended(
    capsys: pytest.CaptureFixture[str],
) -> None:
    progress = AnswerProgress(Console("en"))
    for there in range(41, 101):  # 40 were there already
        progress(there, 100, 6.0)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "45 of 100 answers, 0:05:30 left" and lines[-1] == "100 of 100 answers, 0:00:00 left"
    assert len(lines) == 12


@needs_shared_data
def test_a_real_exam_is_asked_with_its_four_examples(words: list[str | Path], tmp_path: Path) -> None:
    exam = SHARED / "disc" / "datasets_objective" / "mcq_sing_cpa.csv"
    change = {words[5]: exam}
    said = invoke(*(change.get(w, w) for w in words), "--limit", "2", "--max-new-tokens", "2")
    assert said.code == 0, said.err
    rows = read_json_lines(tmp_path / "out" / "predictions.jsonl")
    assert [row["id"] for row in rows] == ["0", "1"] and all(row["prompt_tokens"] > 1000 for row in rows)
