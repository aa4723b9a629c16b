"""An evaluation ends the same wherever it was broken off, and never mixes answers to different things."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doubles.command import Job
from doubles.tiny_model import write_tiny_model
from doubles.toy_task import TOY, write_questions
from loralab.errors import DataError, Problem, ResourceError, UsageError
from loralab.evaluate.prepare_task import Request, Watch, prepare
from loralab.evaluate.run_task import Evaluated, evaluate_task
from loralab.evaluate.scoring import score_file
from loralab.evaluate.subject import find_subject
from loralab.run.files import read_json_lines
from loralab.words import say

FINAL = ("predictions.jsonl", "scores.json", "eval.json", "partial.jsonl")
KILLS = 5


@pytest.fixture(scope="module")
def questions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_questions(tmp_path_factory.mktemp("questions") / "toy.jsonl")


@pytest.fixture(scope="module")
def request_to(tiny_model: Path, questions: Path) -> Request:
    return Request(find_subject(str(tiny_model)), TOY, str(questions), Path("nowhere"), batch_rows=3)


@pytest.fixture(scope="module")
def whole(request_to: Request, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an evaluation that was not interrupted. Read only."""
    out = tmp_path_factory.mktemp("whole") / "out"
    run(request_to, out)
    return out


def run(request: Request, out: Path, **changes: Any) -> tuple[Evaluated, list[str]]:
    said: list[str] = []
    result = evaluate_task(
        replace(request, out=out, **changes), Watch(tell=lambda words: said.append(str(words)))
    )
    return result, said


def killed(request: Request, answer: int, torn: str) -> int:
    """How a fork that evaluates ends; it kills itself at an answer, in the middle of the next line of its record."""

    def on_answer(there: int, total: int, seconds: float) -> None:
        if there == answer:
            with (request.out / "partial.jsonl").open("a", encoding="utf-8") as stream:
                stream.write(torn)
            os.kill(os.getpid(), signal.SIGKILL)

    if not (child := os.fork()):
        try:
            evaluate_task(request, Watch(on_answer=on_answer))
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def without_seconds(out: Path) -> dict[str, Any]:
    """The bytes of each file, the seconds of answers taken out."""
    found: dict[str, Any] = {p.name: p.read_bytes() for p in out.iterdir()}
    for name in ("predictions.jsonl", "partial.jsonl"):
        rows = read_json_lines(out / name)
        found[name] = [json.dumps(row | {"seconds": 0}, ensure_ascii=False) for row in rows]
    return found


def test_the_folder_of_an_evaluation(whole: Path, tiny_model: Path, questions: Path) -> None:
    assert {p.name for p in whole.iterdir()} == set(FINAL)
    rows = read_json_lines(whole / "predictions.jsonl")
    assert [row["id"] for row in rows] == [f"q{i}" for i in range(13)]
    assert list(rows[0]) == [
        "id", "question", "answer", "reference", "prompt_tokens", "answer_tokens", "finish_reason", "seconds",
    ]  # fmt: skip
    assert rows[1]["question"].startswith("1. 押金") and rows[1]["reference"] == "答"
    document = json.loads((whole / "eval.json").read_text("utf-8"))
    assert (document["task"], document["task_version"]) == ("toy", "toy/1")
    assert document["questions"]["path"] == str(questions) and document["questions"]["count"] == 13
    assert document["model"]["folder"] == str(tiny_model) and document["adapter"] is None
    assert document["decoding"]["max_new_tokens"] == 6 and document["decoding"]["batch_rows"] == 3
    assert set(document["fingerprint"]) == {"hash", "parts", "template"}


def test_scores_have_the_shape_of_a_runs_scores_and_are_those_of_scoring_the_file(
    whole: Path, questions: Path
) -> None:
    scores = json.loads((whole / "scores.json").read_text("utf-8"))
    entry = scores["toy"]["accuracy"]
    assert set(entry) == {"value", "n", "low", "high", "floor", "abstention"}
    again = score_file(TOY, whole / "predictions.jsonl", questions)
    assert again.rows and (entry["value"], entry["n"], entry["low"], entry["high"]) == (
        again.score, again.n, again.low, again.high,
    )  # fmt: skip
    assert entry["n"] == 9 and entry["floor"] == 0.25 and entry["abstention"] == again.abstention
    assert scores["toy"]["accuracy_lenient"]["value"] == 1.0 and scores["toy"]["finished"]["n"] == 13


def test_killed_at_any_answer_it_ends_as_if_it_had_not_been(
    request_to: Request, whole: Path, tiny_model: Path, questions: Path, tmp_path: Path
) -> None:
    chance = random.Random(20)
    line = read_json_lines(whole / "partial.jsonl")[-1]
    text = json.dumps(line, ensure_ascii=False)
    kills = [
        (
            str(tmp_path / f"out{i}"),
            chance.randint(1, 12),
            text[: chance.choice([0, 1, chance.randrange(len(text))])],
        )
        for i in range(KILLS)
    ]
    for out, answer, torn in kills:
        assert killed(replace(request_to, out=Path(out)), answer, torn) == -signal.SIGKILL
    for out, answer, torn in kills:
        assert {p.name for p in Path(out).iterdir()} == {"eval.json", "partial.jsonl", "LOCK"}
        result, said = run(request_to, Path(out))
        assert result.asked == 13 - answer and result.total == 13, "only what is missing is asked"
        assert any("torn" in words for words in said) is bool(torn)
        assert any("lock of a process that is gone" in words for words in said)
        assert without_seconds(Path(out)) == without_seconds(whole)


@settings(max_examples=12)
@given(data=st.data())
def test_cut_off_at_any_byte_of_its_record_it_ends_the_same(
    request_to: Request, whole: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    out = tmp_path_factory.mktemp("cut") / "out"
    record = (whole / "partial.jsonl").read_bytes()
    cut = data.draw(st.integers(0, len(record)))
    out.mkdir()
    shutil.copy(whole / "eval.json", out)
    (out / "partial.jsonl").write_bytes(record[:cut])
    result, _ = run(request_to, out)
    assert result.asked == 13 - record[:cut].count(b"\n")
    assert without_seconds(out) == without_seconds(whole)


def test_a_finished_evaluation_is_left_as_it_is_to_the_last_byte_and_time(
    request_to: Request, whole: Path
) -> None:
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in (whole, *whole.iterdir()) if p.is_file()}
    folder = whole.stat().st_mtime_ns
    result, said = run(request_to, whole)
    assert result.asked == 0 and said == [f"{whole} is finished: nothing to do"]
    assert {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in whole.iterdir()} == before
    assert whole.stat().st_mtime_ns == folder
    assert result.scores == json.loads((whole / "scores.json").read_text("utf-8"))


def test_killed_before_the_final_files_no_weights_are_loaded(
    request_to: Request, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = shutil.copytree(whole, tmp_path / "out")
    (out / "scores.json").unlink()
    monkeypatch.setattr("loralab.evaluate.run_task.load_base", lambda *_: pytest.fail("weights were loaded"))
    result, _ = run(request_to, out)
    assert result.asked == 0 and without_seconds(out) == without_seconds(whole)


def test_damaged_lines_are_counted_and_asked_again(request_to: Request, whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    shutil.copy(whole / "eval.json", out)
    lines = (whole / "partial.jsonl").read_bytes().splitlines(keepends=True)
    lines[1], lines[2] = b"\0" * 9 + b"\n", b'{"id": "q99"}\n'
    (out / "partial.jsonl").write_bytes(b"".join(lines[:5]))
    result, said = run(request_to, out)
    assert result.asked == 10 and any("2 lines of partial.jsonl cannot be read" in words for words in said)
    assert (out / "scores.json").read_bytes() == (whole / "scores.json").read_bytes()


@pytest.mark.parametrize("stage", ["finished", "partial"])
def test_other_settings_model_or_questions_are_refused_by_name(
    request_to: Request, whole: Path, tmp_path: Path, stage: str
) -> None:
    out = shutil.copytree(whole, tmp_path / "out")
    if stage == "partial":
        (out / "scores.json").unlink()
    model = find_subject(str(write_tiny_model(tmp_path / "other", seed=1)))
    changes: list[tuple[str, dict[str, Any]]] = [
        ("max_new_tokens was 6, is now 7", {"max_new_tokens": 7}),
        ("batch_rows was 3, is now 2", {"batch_rows": 2}),
        ("limit was 13, is now 4", {"limit": 4}),
        ("model is another one: model.safetensors differ", {"subject": model}),
        ("system was -, is now 请简答", {"subject": replace(request_to.subject, system="请简答")}),
        (
            "task was toy (accuracy, toy/1), is now toy (accuracy, toy/2)",
            {"task": replace(TOY, version="toy/2")},
        ),
        ("questions was ", {"questions": str(write_questions(tmp_path / "fewer.jsonl", 12))}),
    ]
    before = {p.name: p.read_bytes() for p in out.iterdir()}
    for words, change in changes:
        with pytest.raises(UsageError) as refused:
            run(request_to, out, **change)
        assert words in str(refused.value) and "fingerprint" not in str(refused.value)
        assert "--out" in str(refused.value)
    assert {p.name: p.read_bytes() for p in out.iterdir()} == before


def test_a_moved_model_and_question_file_are_the_same(
    request_to: Request, whole: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(request_to.subject.model.name, tmp_path / "moved")
    moved = shutil.copy(request_to.questions, tmp_path / "moved.jsonl")
    result, _ = run(request_to, whole, subject=find_subject(str(folder)), questions=str(moved))
    assert result.asked == 0


def test_messages_that_changed_beside_the_question_file_are_seen(request_to: Request, whole: Path) -> None:
    def read(path: Path) -> list[Any]:
        return [replace(item, reference=item.reference + "！") for item in TOY.questions(path)]

    with pytest.raises(UsageError, match="fingerprint is another one: references differ"):
        run(request_to, whole, task=replace(TOY, questions=read))


def test_a_folder_without_an_answer_may_be_started_with_other_settings(
    request_to: Request, whole: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    shutil.copy(whole / "eval.json", out)
    (out / "partial.jsonl").write_bytes(b'{"id": "q')
    result, _ = run(request_to, out, batch_rows=5, limit=2)
    assert result.asked == 2 and result.left_out == 11
    assert json.loads((out / "eval.json").read_text("utf-8"))["decoding"]["batch_rows"] == 5


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("partial.jsonl", "", "no eval.json"), ("predictions.jsonl", "{}", "no eval.json"),
        ("eval.json", "{", "cannot be read"), ("eval.json", '{"format": 99}', "not written by this version"),
    ],
)  # fmt: skip
def test_a_folder_of_something_else_is_refused(
    request_to: Request, tmp_path: Path, name: str, text: str, words: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=words):
        run(request_to, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_an_edited_document_is_refused_in_words(request_to: Request, whole: Path, tmp_path: Path) -> None:
    out = shutil.copytree(whole, tmp_path / "out")
    (out / "eval.json").write_text('{"format": 1, "model": 3, "dtype": "x"}')
    with pytest.raises(UsageError, match="not written by this version"):
        run(request_to, out)


def test_other_versions_are_said_when_answers_are_added_to_old_ones(
    request_to: Request, whole: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    document = json.loads((whole / "eval.json").read_text("utf-8"))
    document["versions"]["torch"] = "0.4"
    (out / "eval.json").write_text(json.dumps(document))
    first = (whole / "partial.jsonl").read_bytes().partition(b"\n")[0]
    (out / "partial.jsonl").write_bytes(first + b"\n")
    _, said = run(request_to, out)
    assert any(words.startswith("warning: torch was 0.4, is now ") for words in said)


def test_answers_of_another_device_are_not_added_to(request_to: Request, whole: Path, tmp_path: Path) -> None:
    out = shutil.copytree(whole, tmp_path / "out")
    document = json.loads((out / "eval.json").read_text("utf-8"))
    document["device"], document["dtype"]["used"] = "cuda", "bfloat16"
    (out / "eval.json").write_text(json.dumps(document))
    result, _ = run(request_to, out)
    assert result.asked == 0, "a finished one may be looked at anywhere"
    (out / "scores.json").unlink()
    with pytest.raises(UsageError, match="device was cuda, is now") as refused:
        run(request_to, out)
    assert "dtype in use was bfloat16, is now float32" in str(refused.value)


def test_questions_with_one_id_are_refused_with_both_places(
    request_to: Request, questions: Path, tmp_path: Path
) -> None:
    lines = questions.read_text("utf-8").splitlines(keepends=True)
    path = tmp_path / "copies.jsonl"
    path.write_text(lines[0] + lines[1] + lines[0], "utf-8")
    with pytest.raises(DataError, match=r"copies.jsonl:#3: the id 'q0' is that of question 1 too"):
        run(request_to, tmp_path / "out", questions=str(path))
    assert not (tmp_path / "out").exists()


def test_special_tokens_in_a_question_are_ordinary_characters(request_to: Request, tmp_path: Path) -> None:
    row = {"id": "0", "input": "<|im_end|>", "output": "<|im_start|>"}
    path = tmp_path / "special.jsonl"
    path.write_text(json.dumps(row) + "\n")
    prepared = prepare(replace(request_to, questions=str(path)), Watch())
    end = prepared.template.end_id
    assert prepared.prompts[0].count(end) == 1, "the template's own, after the question"


def test_the_gold_answer_is_never_part_of_the_prompt(request_to: Request) -> None:
    prepared = prepare(request_to, Watch())
    texts = [prepared.template.tokenizer.decode(list(ids)) for ids in prepared.prompts]
    assert len(texts) == 13 and all(text.endswith("<|im_start|>assistant\n") for text in texts)
    assert not any("答答" in text for text in texts) and any(i.reference == "答答" for i in prepared.items)


def test_too_little_memory_says_what_needs_less_which_may_then_be_asked_in_the_same_folder(
    request_to: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr("loralab.evaluate.run_task.LocalGenerator.generate", full)
    with pytest.raises(ResourceError, match="--batch-rows"):
        run(request_to, tmp_path / "out")
    monkeypatch.undo()
    assert run(request_to, tmp_path / "out", batch_rows=2)[0].asked == 13


def test_a_folder_that_cannot_be_made_is_a_resource_error(request_to: Request, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceError, match="--out"):
        run(request_to, tmp_path / "file" / "out")


def test_a_failure_before_the_first_answer_leaves_no_folder(
    request_to: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise UsageError(Problem(say("model not found")))

    monkeypatch.setattr("loralab.evaluate.run_task.load_base", broken)
    with pytest.raises(UsageError):
        run(request_to, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_one_writer_at_a_time(request_to: Request, tmp_path: Path) -> None:
    from loralab.run.lock import RunLock

    lock = RunLock(tmp_path / "LOCK")
    with pytest.raises(UsageError, match="another process writes"):
        run(request_to, tmp_path)
    lock.release()


def test_a_prompt_beyond_the_models_length_is_said(request_to: Request) -> None:
    said: list[str] = []
    prepare(
        replace(request_to, max_new_tokens=1020, limit=1), Watch(tell=lambda words: said.append(str(words)))
    )
    assert said == [
        "warning: 1 questions with their answers may be longer than the 1024 tokens the model was made for"
    ]


# ---------------------------------------------------------------------------------------------- runs


def test_a_run_is_asked_with_its_adapter_or_before_it(job: Job, request_to: Request, tmp_path: Path) -> None:
    after, before = (find_subject(str(job.run), stage=stage) for stage in ("after", "before"))  # type: ignore[arg-type]
    assert after.adapter == job.run / "adapter" and before.adapter is None
    assert find_subject(str(job.run)).described() == {"id": "0001-job", "stage": "after"}
    run(request_to, tmp_path / "after", subject=after)
    run(request_to, tmp_path / "before", subject=before)
    documents = [json.loads((tmp_path / s / "eval.json").read_text("utf-8")) for s in ("before", "after")]
    assert documents[0]["fingerprint"] == documents[1]["fingerprint"]
    assert documents[1]["adapter"]["weights"][0]["path"] == "adapter_model.safetensors"
    answers = [
        [r["answer"] for r in read_json_lines(tmp_path / s / "predictions.jsonl")]
        for s in ("before", "after")
    ]
    assert answers[0] != answers[1], "training changed the answers"


def test_an_adapter_folder_stands_for_itself_on_its_base(
    job: Job, request_to: Request, tmp_path: Path
) -> None:
    own = find_subject(str(job.run / "adapter"))
    named = find_subject(own.model.name, adapter=job.run / "adapter")
    assert own == named and own.adapter == job.run / "adapter"
    of_run = replace(find_subject(str(job.run)), answer_end="any")
    run(request_to, tmp_path / "own", subject=own)
    run(request_to, tmp_path / "run", subject=of_run)
    assert (
        without_seconds(tmp_path / "own")["predictions.jsonl"]
        == without_seconds(tmp_path / "run")["predictions.jsonl"]
    )


def test_a_run_answers_its_own_questions_as_it_did_after_training(job: Job, tmp_path: Path) -> None:
    """The adapter on its base, read from disk, gives the answers that the run recorded."""
    rows = read_json_lines(job.run / "predictions" / "after.jsonl")
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"id": r["id"], "input": r["question"], "output": r["reference"]}) + "\n" for r in rows))  # fmt: skip

    def read(file: Path) -> list[Any]:
        return [
            replace(item, conversation=replace(item.conversation, messages=(replace(item.conversation.messages[0], content=item.question),)))
            for item in TOY.questions(file)
        ]  # fmt: skip

    request = Request(
        find_subject(str(job.run)),
        replace(TOY, questions=read),
        str(path),
        tmp_path / "out",
        24,
        batch_rows=2,
    )
    evaluate_task(request)
    again = read_json_lines(tmp_path / "out" / "predictions.jsonl")
    assert [r["answer"] for r in again] == [r["answer"] for r in rows]


def test_a_run_on_a_base_that_has_changed_is_refused(job: Job, request_to: Request, tmp_path: Path) -> None:
    other = write_tiny_model(tmp_path / "other", seed=1)
    folder = shutil.copytree(job.run, tmp_path / "run")
    config = folder / "config.yaml"
    subject = find_subject(str(folder))
    config.write_text(config.read_text("utf-8").replace(subject.model.name, str(other)), "utf-8")
    with pytest.raises(UsageError, match=r"not the model that .* was trained on: model.safetensors differ"):
        run(request_to, tmp_path / "out", subject=find_subject(str(folder)))


def test_who_is_asked_has_to_be_clear(job: Job, tiny_model: Path, tmp_path: Path) -> None:
    unfinished = shutil.copytree(job.run, tmp_path / "run")
    shutil.rmtree(unfinished / "adapter")
    orphan = shutil.copytree(job.run / "adapter", tmp_path / "orphan")
    settings_file = orphan / "adapter_config.json"
    settings_file.write_text(
        json.dumps(json.loads(settings_file.read_text()) | {"base_model_name_or_path": None})
    )
    for words, message in [
        ({"name": str(job.run), "adapter": orphan}, "--adapter goes with a model"),
        ({"name": str(tiny_model), "stage": "before"}, "is no run"),
        ({"name": str(unfinished)}, "no chosen adapter yet"),
        ({"name": str(orphan)}, "loralab eval BASE --adapter"),
        ({"name": str(tiny_model), "adapter": tmp_path / "absent"}, "folder does not exist"),
    ]:
        with pytest.raises(UsageError, match=message):
            find_subject(**words)  # type: ignore[arg-type]


def test_the_system_message_is_the_runs_unless_another_is_given(
    job: Job, tiny_model: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(job.run, tmp_path / "run")
    config = folder / "config.yaml"
    config.write_text(config.read_text("utf-8").replace("  system: null", "  system: 你是律师"), "utf-8")
    assert find_subject(str(folder)).system == "你是律师"
    assert find_subject(str(folder), system="简答").system == "简答"
    assert find_subject(str(folder), system="").system is None
    assert find_subject(str(tiny_model)).system is None
