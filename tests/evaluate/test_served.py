"""An evaluation by a server: the same files as from one that never fails, the same answers as from this process."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doubles.command import Job
from doubles.completions import PASSING, QUICK, CompletionsDouble
from doubles.toy_task import TOY, write_questions
from loralab.engine.generate import LocalGenerator
from loralab.engine.server_address import KEY_VARIABLE
from loralab.errors import ComparisonRefused, ResourceError, UsageError
from loralab.evaluate.comparison import compare
from loralab.evaluate.eval_record import open_evaluation
from loralab.evaluate.prepare_task import Request, Watch
from loralab.evaluate.run_task import Evaluated, evaluate_task
from loralab.evaluate.served import ServerChoice
from loralab.evaluate.side import make_sides
from loralab.evaluate.subject import find_subject
from loralab.evaluate.tasks.all import find_task
from loralab.run.files import read_json_lines

VLLM = (
    {"id": "base", "owned_by": "vllm", "max_model_len": 1024},
    {"id": "law", "owned_by": "vllm", "parent": "base"},
)
LONG = 30  # tokens of an answer: long enough for local answers to differ


@pytest.fixture(scope="module")
def questions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_questions(tmp_path_factory.mktemp("questions") / "toy.jsonl")


@pytest.fixture(scope="module")
def request_to(tiny_model: Path, questions: Path) -> Request:
    return Request(find_subject(str(tiny_model)), TOY, str(questions), Path("nowhere"))


@pytest.fixture
def double() -> Iterator[CompletionsDouble]:
    with CompletionsDouble(models=VLLM) as double:
        yield double


def run(
    request: Request,
    out: Path,
    double: CompletionsDouble,
    model: str | None = None,
    in_flight: int = 4,
    **changes: Any,
) -> tuple[Evaluated, list[str]]:
    said: list[str] = []
    server = ServerChoice(double.url, model, in_flight, QUICK)
    result = evaluate_task(
        replace(request, out=out, server=server, **changes), Watch(tell=lambda words: said.append(str(words)))
    )
    return result, said


def predictions(out: Path) -> list[dict[str, Any]]:
    """The rows of predictions.jsonl without their seconds."""
    return [row | {"seconds": 0} for row in read_json_lines(out / "predictions.jsonl")]


def document(out: Path) -> dict[str, Any]:
    return dict(json.loads((out / "eval.json").read_text("utf-8")))


@pytest.fixture(scope="module")
def whole(request_to: Request, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an evaluation by a server that never failed. Read only."""
    out = tmp_path_factory.mktemp("whole") / "out"
    with CompletionsDouble(models=VLLM) as double:
        run(request_to, out, double)
    return out


@settings(max_examples=8)
@given(
    kinds=st.lists(st.sampled_from([*PASSING, None]), min_size=1, max_size=20), in_flight=st.integers(1, 20),
    number=st.integers(0, 10**6),
)  # fmt: skip
def test_predictions_are_those_of_a_server_that_never_fails(
    request_to: Request, whole: Path, tmp_path_factory: pytest.TempPathFactory,
    kinds: list[str | None], in_flight: int, number: int,
) -> None:  # fmt: skip
    def fault(prompt: Sequence[int], time: int) -> str | None:
        return kinds[(sum(prompt) + number + time) % len(kinds)] if time < QUICK.tries - 1 else None

    out = tmp_path_factory.mktemp("faults") / "out"
    with CompletionsDouble(models=VLLM, faults=fault) as double:
        run(request_to, out, double, in_flight=in_flight)
    assert predictions(out) == predictions(whole)
    assert (out / "scores.json").read_bytes() == (whole / "scores.json").read_bytes()


def test_answers_are_those_of_this_process(tiny_model: Path, request_to: Request, tmp_path: Path) -> None:
    import torch

    from loralab.config.schema import Config
    from loralab.model.load import load_base

    model, _ = load_base(tiny_model, Config(), "cpu")
    chance = torch.Generator().manual_seed(1)
    for parameter in model.parameters():
        if parameter.ndim == 2:  # larger weights, so that answers vary
            parameter.data = 0.25 * torch.randn(parameter.shape, generator=chance)
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    model.save_pretrained(folder)
    generator, alone = LocalGenerator(model, "cpu", 0, 1), threading.Lock()

    def greedy(prompt: Sequence[int], limit: int, stop_ids: Sequence[int]) -> list[int]:
        with alone:
            (answer,) = generator.generate([prompt], limit, stop_ids, lambda: None)
        return [*answer.ids, *stop_ids[: answer.finish_reason == "stop"]]

    request = replace(request_to, subject=find_subject(str(folder)), max_new_tokens=LONG)
    local = evaluate_task(replace(request, out=tmp_path / "local"))
    with CompletionsDouble(greedy, models=VLLM) as double:
        served, _ = run(request, tmp_path / "server", double)
    found = predictions(tmp_path / "server")
    assert found == predictions(tmp_path / "local") and served.scores == local.scores
    assert len({row["answer"] for row in found}) > 6


def test_the_record_names_the_server_and_no_weights(whole: Path) -> None:
    found = document(whole)
    assert found["server"] | {"url": ""} == {
        "url": "", "model": "base", "engine": "vllm", "version": "0.33.0", "in_flight": 4,
    }  # fmt: skip
    assert found["fingerprint"]["parts"]["backend"] == "server vllm 0.33.0"
    assert found["device"] == "server" and found["model"]["weights"] == [] and found["model"]["files"]
    assert "batch_rows" not in found["decoding"] and found["decoding"]["stop_token_ids"]


def test_what_was_answered_before_the_server_failed_is_not_asked_again(
    request_to: Request, whole: Path, tmp_path: Path
) -> None:
    asked: list[tuple[int, ...]] = []

    def fault(prompt: Sequence[int], time: int) -> str | None:
        asked.append(tuple(prompt))
        return "500" if len(set(asked)) > 5 else None

    failing = CompletionsDouble(models=VLLM, faults=fault)
    with failing as double, pytest.raises(ResourceError, match="asks only what is missing"):
        run(request_to, tmp_path, double, in_flight=1)
    answered = {row["id"] for row in read_json_lines(tmp_path / "partial.jsonl")}
    assert len(answered) == 5 and not (tmp_path / "predictions.jsonl").exists()
    with CompletionsDouble(models=VLLM) as double:
        result, said = run(request_to, tmp_path, double, in_flight=2)
        assert len(double.asked) == result.asked == 8
    assert "5 of 13 answers are there already, 8 are missing" in said
    assert "warning: in_flight was 1, is now 2" in said
    assert predictions(tmp_path) == predictions(whole)


def test_another_server_version_model_or_kind_of_backend_is_refused(
    request_to: Request, whole: Path, tmp_path: Path
) -> None:
    out = shutil.copytree(whole, tmp_path / "out")
    (out / "scores.json").unlink()
    with CompletionsDouble(models=VLLM, version="0.34.0") as double:
        with pytest.raises(UsageError) as refused:
            run(request_to, out, double)
        assert "server was vllm 0.33.0, is now vllm 0.34.0" in str(refused.value)
        assert double.asked == []
    other = CompletionsDouble(models=({"id": "other", "owned_by": "vllm"},))
    with other as double, pytest.raises(UsageError, match="server_model was base, is now other"):
        run(request_to, out, double)
    with pytest.raises(UsageError) as refused:
        evaluate_task(replace(request_to, out=out))
    assert str(refused.value).count("\n") == 1 and "server was vllm 0.33.0, is now -" in str(refused.value)


def test_a_base_and_its_adapter_on_one_server_compare_and_local_answers_do_not(
    job: Job, request_to: Request, tmp_path: Path
) -> None:
    path = tmp_path / "rows.jsonl"
    rows = [{"id": f"q{i}", "question": f"{i}？", "reference": "答"} for i in range(3)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    base = replace(request_to, task=find_task("rouge_l"), questions=str(path), max_new_tokens=6)
    law = replace(base, subject=find_subject(request_to.subject.model.name, adapter=job.run / "adapter"))
    with CompletionsDouble(models=VLLM) as double:
        run(base, tmp_path / "base", double)
        run(law, tmp_path / "law", double, "law")
        assert {body["model"] for body in double.asked} == {"base", "law"}
    evaluate_task(replace(base, out=tmp_path / "local"))
    found = [open_evaluation(tmp_path / name) for name in ("base", "law", "local")]
    assert compare(make_sides([(f, "") for f in found[:2]])).unlike == ()
    with pytest.raises(ComparisonRefused, match=r"backend: .* server vllm 0\.33\.0 and by local"):
        compare(make_sides([(f, "") for f in (found[0], found[2])]))


def test_a_name_that_cannot_be_the_subjects_is_refused_and_a_doubtful_one_is_said(
    job: Job, request_to: Request, double: CompletionsDouble, tmp_path: Path
) -> None:
    adapter = find_subject(str(job.run))
    with pytest.raises(UsageError, match="--server-model NAME"):
        run(request_to, tmp_path / "out", double, subject=adapter)
    with pytest.raises(UsageError, match="law is an adapter there"):
        run(request_to, tmp_path / "out", double, "law")
    assert double.asked == [] and not (tmp_path / "out").exists()
    _, said = run(request_to, tmp_path / "out", double, "base", subject=adapter)
    assert "warning: base is a whole model there: its weights must hold the adapter" in said


def test_questions_too_long_for_the_server_are_refused_before_any_is_asked(
    request_to: Request, double: CompletionsDouble, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="13 questions with answers of 1020 tokens are longer than the 1024"):
        run(request_to, tmp_path / "out", double, max_new_tokens=1020)
    assert double.asked == [] and not (tmp_path / "out").exists()


def test_a_server_that_cannot_be_reached_leaves_no_folder(
    request_to: Request, double: CompletionsDouble, tmp_path: Path
) -> None:
    request = replace(request_to, server=ServerChoice("http://127.0.0.1:9", None, 1, QUICK))
    with pytest.raises(ResourceError):
        evaluate_task(replace(request, out=tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_model_folder_without_weights_will_do(
    request_to: Request, whole: Path, double: CompletionsDouble, tmp_path: Path
) -> None:
    folder = shutil.copytree(request_to.subject.model.name, tmp_path / "model")
    (folder / "model.safetensors").unlink()
    run(request_to, tmp_path / "out", double, subject=find_subject(str(folder)))
    assert predictions(tmp_path / "out") == predictions(whole)


def test_the_key_is_in_no_file_and_no_sentence(
    request_to: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "sesame")
    with CompletionsDouble(models=VLLM, key="sesame") as double:
        _, said = run(request_to, tmp_path, double)
        assert {headers["Authorization"] for _, headers, _ in double.requests} == {"Bearer sesame"}
    assert not any(b"sesame" in path.read_bytes() for path in tmp_path.iterdir())
    assert not any("sesame" in words for words in said)
